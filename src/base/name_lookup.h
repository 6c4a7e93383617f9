#pragma once
// Addresses of a name, as the system finds them (getaddrinfo), for who cannot wait as long as that may: a name server
// that does not answer is asked for up to a minute, and nothing ends the call. It is made by a thread that is left
// behind when the waiting ends first, and whose answer the next find() for the same name gets. One thread uses a
// NameLookup; it may be destroyed with questions open.

#include "base/function_ref.h"
#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <netdb.h>

namespace gyr {

struct AddressesEnd {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesEnd>; // never empty when they were found

class NameLookup {
  public:
    using Resolver = int (*)(const char* node, const char* service, const addrinfo* hints, addrinfo** found);
    explicit NameLookup(Resolver resolver = ::getaddrinfo) : resolver_(resolver) {}

    // wait: returns when the descriptor is readable, or with false when it is to be given up. It is not called for what
    // is an address already.
    Result<Addresses> find(const std::string& host, const std::string& port, int socket_type, int flags,
                           FunctionRef<bool(int)> wait);

  private:
    struct Question;
    Resolver resolver_;
    std::vector<std::shared_ptr<Question>> open_; // not answered in time, one of each name
};

} // namespace gyr
