#pragma once
// What a field gives: a small view. Text and lists point into the event, the process image or the arena of the
// evaluation, and are valid as long as these are.

#include "state/missing.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace gyr::fields {

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{}; // network order; IPv4 uses the first four
    bool v6 = false;
    friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

enum class ValueKind : std::uint8_t { missing, boolean, i64, u64, f64, text, ip, list };

struct Value {
    ValueKind kind = ValueKind::missing;
    // Why it is missing. A text may carry a reason too: "" of a host process's container.image is a value for
    // conditions, and not_container for who asks.
    Missing why = Missing::not_applicable;
    union {
        bool b;
        std::int64_t i;
        std::uint64_t u;
        double d;
        IpAddress ip;
        struct {
            const char* data;
            std::size_t size;
        } t;
        struct {
            const Value* data;
            std::size_t size;
        } l;
    };

    Value() : u(0) {}
    [[nodiscard]] static Value missing(Missing reason) {
        Value v;
        v.why = reason;
        return v;
    }
    // A number that the event has and that holds nothing: it fails every comparison as a missing one does, and is
    // printed as 0.
    [[nodiscard]] static Value blank() { return missing(Missing::none); }
    [[nodiscard]] static Value of_bool(bool x) {
        Value v(ValueKind::boolean);
        v.b = x;
        return v;
    }
    [[nodiscard]] static Value of_i64(std::int64_t x) {
        Value v(ValueKind::i64);
        v.i = x;
        return v;
    }
    [[nodiscard]] static Value of_u64(std::uint64_t x) {
        Value v(ValueKind::u64);
        v.u = x;
        return v;
    }
    [[nodiscard]] static Value of_double(double x) {
        Value v(ValueKind::f64);
        v.d = x;
        return v;
    }
    [[nodiscard]] static Value of_text(std::string_view x, Missing reason = Missing::none) {
        Value v(ValueKind::text);
        v.why = reason;
        v.t.data = x.data();
        v.t.size = x.size();
        return v;
    }
    [[nodiscard]] static Value of_ip(const IpAddress& x) {
        Value v(ValueKind::ip);
        v.ip = x;
        return v;
    }
    [[nodiscard]] static Value of_list(std::span<const Value> x) {
        Value v(ValueKind::list);
        v.l.data = x.data();
        v.l.size = x.size();
        return v;
    }

    [[nodiscard]] bool is_missing() const { return kind == ValueKind::missing; }
    [[nodiscard]] bool is_blank() const { return kind == ValueKind::missing && why == Missing::none; }
    [[nodiscard]] bool is_pending() const { return kind == ValueKind::missing && why == Missing::pending; }
    [[nodiscard]] std::string_view text() const {
        return kind == ValueKind::text ? std::string_view(t.data, t.size) : std::string_view();
    }
    [[nodiscard]] std::span<const Value> list() const {
        return kind == ValueKind::list ? std::span<const Value>(l.data, l.size) : std::span<const Value>();
    }

  private:
    explicit Value(ValueKind k) : kind(k), why(Missing::none), u(0) {}
};

} // namespace gyr::fields
