// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <ocellus/io/file_error.hpp>

namespace ocellus::io::detail {

/// The dictionary of an .npy header: a Python literal with the keys descr, fortran_order and shape.
class NpyHeader {
 public:
  NpyHeader(std::filesystem::path const& path, std::string_view text) : path_(path), text_(text) {
    expect('{');
    while (!accept('}')) {
      std::string const key = quoted();
      expect(':');
      if (key == "descr" && descr.empty())
        descr = quoted();
      else if (key == "fortran_order" && !has_order_)
        order();
      else if (key == "shape" && !has_shape_)
        tuple();
      else
        fail("unexpected or repeated key \"" + key.substr(0, 40) + "\"");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (descr.empty() || !has_order_ || !has_shape_) fail("descr, fortran_order or shape is missing");
    skip();
    if (at_ != text_.size()) fail("there is text behind the dictionary");
  }

  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;

 private:
  [[noreturn]] void fail(std::string const& reason) const { throw FileError(path_, "header, character " + std::to_string(at_), reason); }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  bool accept(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("'") + c + "' is expected");
  }
  std::string quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) fail("a quoted string is expected");
    char const quote        = text_[at_++];
    std::size_t const first = at_;
    while (at_ < text_.size() && text_[at_] != quote) ++at_;
    if (at_ >= text_.size()) fail("a string does not end");
    return std::string(text_.substr(first, at_++ - first));
  }
  void order() {
    skip();
    if (text_.substr(at_, 4) == "True")
      fortran_order = true, at_ += 4;
    else if (text_.substr(at_, 5) == "False")
      at_ += 5;
    else
      fail("fortran_order must be True or False");
    has_order_ = true;
  }
  void tuple() {
    expect('(');
    while (!accept(')')) {
      skip();
      if (shape.size() >= 32) fail("more than 32 axes");
      std::int64_t value      = 0;
      std::size_t const first = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        if (value > (INT64_MAX - 9) / 10) fail("an extent is too large");
        value = value * 10 + (text_[at_++] - '0');
      }
      if (at_ == first) fail("an extent is expected");
      shape.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    has_shape_ = true;
  }

  std::filesystem::path const& path_;
  std::string_view text_;
  std::size_t at_ = 0;
  bool has_order_ = false, has_shape_ = false;
};

}  // namespace ocellus::io::detail
