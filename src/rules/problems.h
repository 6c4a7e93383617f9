#pragma once
// Collects what is wrong with rule files.

#include "lang/ast.h"
#include "lang/diagnostic.h"
#include "rules/source.h"
#include "rules/yaml_tree.h"

#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

// Codes of reference/rule-language.md §9.
namespace code {
inline constexpr std::string_view kFileRead = "LOAD_ERR_FILE_READ";
inline constexpr std::string_view kYamlParse = "LOAD_ERR_YAML_PARSE";
inline constexpr std::string_view kYamlValidate = "LOAD_ERR_YAML_VALIDATE";
inline constexpr std::string_view kCompileConditionError = "LOAD_ERR_COMPILE_CONDITION";
inline constexpr std::string_view kCompileOutput = "LOAD_ERR_COMPILE_OUTPUT";
inline constexpr std::string_view kValidate = "LOAD_ERR_VALIDATE";
inline constexpr std::string_view kUnknownSource = "LOAD_UNKNOWN_SOURCE";
inline constexpr std::string_view kUnsafeNaCheck = "LOAD_UNSAFE_NA_CHECK";
inline constexpr std::string_view kNoEvttype = "LOAD_NO_EVTTYPE";
inline constexpr std::string_view kUnknownFilter = "LOAD_UNKNOWN_FILTER";
inline constexpr std::string_view kUnusedMacro = "LOAD_UNUSED_MACRO";
inline constexpr std::string_view kUnusedList = "LOAD_UNUSED_LIST";
inline constexpr std::string_view kUnknownItem = "LOAD_UNKNOWN_ITEM";
inline constexpr std::string_view kDeprecatedItem = "LOAD_DEPRECATED_ITEM";
inline constexpr std::string_view kAppendNoValues = "LOAD_APPEND_NO_VALUES";
inline constexpr std::string_view kExceptionNotUnique = "LOAD_EXCEPTION_NAME_NOT_UNIQUE";
inline constexpr std::string_view kInvalidMacroName = "LOAD_INVALID_MACRO_NAME";
inline constexpr std::string_view kInvalidListName = "LOAD_INVALID_LIST_NAME";
inline constexpr std::string_view kCompileCondition = "LOAD_COMPILE_CONDITION";
inline constexpr std::string_view kUnknownKey = "LOAD_UNKNOWN_KEY";
inline constexpr std::string_view kExtensionWarning = "LOAD_WARNING_EXTENSION"; // our own
} // namespace code

using Context = std::vector<DiagnosticItem>;

class Problems {
  public:
    Diagnostic& error(std::string_view code, std::string message, const SourceFile& file, std::size_t offset,
                      const Context& context, std::string hint = {});
    Diagnostic& error(std::string_view code, std::string message, const YamlNode& node, const Context& context,
                      std::string hint = {}) {
        return error(code, std::move(message), *node.file, node.offset, context, std::move(hint));
    }
    Diagnostic& error(std::string_view code, std::string message, const Scalar& scalar, const Context& context,
                      std::string hint = {}) {
        return error(code, std::move(message), *scalar.file, scalar.offset, context, std::move(hint));
    }
    template <class Where>
    Diagnostic& warning(std::string_view code, std::string message, const Where& where, const Context& context,
                        std::string hint = {}) {
        Diagnostic& d = error(code, std::move(message), where, context, std::move(hint));
        d.severity = Severity::warning;
        return d;
    }
    void add(Diagnostic diagnostic) { all_.push_back(std::move(diagnostic)); }

    [[nodiscard]] std::size_t size() const { return all_.size(); }
    [[nodiscard]] std::vector<Diagnostic>& all() { return all_; }

  private:
    std::vector<Diagnostic> all_;
};

} // namespace gyr::rules
