// SPDX-License-Identifier: Apache-2.0

#include "html_report.hpp"

#include "svg.hpp"

namespace ocellus::examples {
namespace {

constexpr char const* style = R"(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1c2430; background: #fff; margin: 0 auto; max-width: 980px; padding: 24px 20px 60px; }
h1 { font-size: 26px; margin: 8px 0 0; } h2 { font-size: 19px; margin: 36px 0 8px; border-bottom: 1px solid #dfe4ea; padding-bottom: 4px; }
.subtitle { color: #5b6675; margin: 2px 0 18px; } p { margin: 8px 0; max-width: 760px; }
.warning { background: #fff6e0; border-left: 4px solid #e69f00; padding: 8px 12px; max-width: 740px; }
table { border-collapse: collapse; margin: 10px 0; font-variant-numeric: tabular-nums; } th, td { padding: 4px 12px; border-bottom: 1px solid #e6eaef; text-align: right; }
th { color: #5b6675; font-weight: 600; } th:first-child, td:first-child { text-align: left; }
figure { margin: 12px 0; } figcaption { color: #5b6675; font-size: 13px; max-width: 760px; }
.gallery { display: flex; flex-wrap: wrap; gap: 12px; } .gallery figure { margin: 0; flex: 0 1 306px; } .gallery figcaption { max-width: 100%; }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; image-rendering: auto; } img.small { image-rendering: pixelated; }
svg.plot { width: 100%; max-width: 640px; height: auto; }
svg.plate { width: 100%; height: auto; } svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: #5b6675; }
svg text.label { font-size: 12px; fill: #1c2430; } svg text.mark { font-size: 13px; font-weight: 700; fill: inherit; } .grid { stroke: #e9edf2; }
.level { stroke: #5b6675; stroke-dasharray: 5 4; }
.legend { font-size: 13px; color: #3b4654; } .legend span { margin-right: 16px; white-space: nowrap; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 6px; margin-right: 5px; }
)";

std::string base64(std::vector<std::uint8_t> const& bytes) {
  static constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t const left = bytes.size() - i;
    std::uint32_t const word =
        static_cast<std::uint32_t>(bytes[i]) << 16 | (left > 1 ? static_cast<std::uint32_t>(bytes[i + 1]) << 8 : 0u) | (left > 2 ? bytes[i + 2] : 0u);
    text += digits[word >> 18];
    text += digits[(word >> 12) & 63];
    text += left > 1 ? digits[(word >> 6) & 63] : '=';
    text += left > 2 ? digits[word & 63] : '=';
  }
  return text;
}

}  // namespace

HtmlReport::HtmlReport(std::string const& title, std::string const& subtitle) : title_(title) {
  body_ = "<h1>" + escaped(title) + "</h1><p class=\"subtitle\">" + escaped(subtitle) + "</p>\n";
}

void HtmlReport::section(std::string const& title) { body_ += "<h2>" + escaped(title) + "</h2>\n"; }
void HtmlReport::paragraph(std::string const& text) { body_ += "<p>" + escaped(text) + "</p>\n"; }
void HtmlReport::warning(std::string const& text) { body_ += "<p class=\"warning\">" + escaped(text) + "</p>\n"; }
void HtmlReport::figure(std::string const& html, std::string const& caption) {
  body_ += "<figure>" + html + "<figcaption>" + escaped(caption) + "</figcaption></figure>\n";
}

void HtmlReport::table(std::vector<std::string> const& header, std::vector<std::vector<std::string>> const& rows) {
  body_ += "<table><tr>";
  for (auto const& cell : header) body_ += "<th>" + escaped(cell) + "</th>";
  body_ += "</tr>\n";
  for (auto const& row : rows) {
    body_ += "<tr>";
    for (auto const& cell : row) body_ += "<td>" + escaped(cell) + "</td>";
    body_ += "</tr>\n";
  }
  body_ += "</table>\n";
}

void HtmlReport::gallery(std::vector<std::string> const& figures) {
  body_ += "<div class=\"gallery\">";
  for (auto const& figure : figures) body_ += figure + "\n";
  body_ += "</div>\n";
}

std::string HtmlReport::picture(std::vector<std::uint8_t> const& png, std::string const& caption, int width) {
  std::string html = "<figure><img alt=\"" + escaped(caption) + "\"";
  if (width > 0) html += " class=\"small\" width=\"" + std::to_string(width) + "\"";
  html += " src=\"data:image/png;base64," + base64(png) + "\">";
  if (!caption.empty()) html += "<figcaption>" + escaped(caption) + "</figcaption>";
  return html + "</figure>";
}

std::string HtmlReport::page() const {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>" + escaped(title_) +
         "</title><style>" + style + "</style></head><body>\n" + body_ + "</body></html>\n";
}

}  // namespace ocellus::examples
