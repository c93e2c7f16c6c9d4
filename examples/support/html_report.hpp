// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ocellus::examples {

/// A self-contained HTML page: no script, no font and no picture from elsewhere. Text arguments are escaped; `html` ones are taken as they are.
class HtmlReport {
 public:
  HtmlReport(std::string const& title, std::string const& subtitle);

  void section(std::string const& title);
  void paragraph(std::string const& text);
  void warning(std::string const& text);
  void figure(std::string const& html, std::string const& caption);
  void table(std::vector<std::string> const& header, std::vector<std::vector<std::string>> const& rows);
  /// Several pictures side by side, each a complete `<figure>` made by `picture`.
  void gallery(std::vector<std::string> const& figures);

  [[nodiscard]] std::string page() const;

  /// A picture in the page itself; `width` in CSS pixels, 0: as wide as the column.
  static std::string picture(std::vector<std::uint8_t> const& png, std::string const& caption, int width = 0);

 private:
  std::string title_;
  std::string body_;
};

}  // namespace ocellus::examples
