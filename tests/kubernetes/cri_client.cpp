// A kubelet's side of the Container Runtime Interface for tests: cri_client SOCKET METHOD REQUEST…, requests and
// answers as JSON, one answer a line. Several requests are made at the same time, as a kubelet starts pods.

#include "cri_requests.grpc.pb.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

using Stub = runtime::v1::RuntimeService::Stub;

struct Outcome {
    bool good = false;
    std::string text; // the answer, or what went wrong
};

template <class Request, class Response>
Outcome call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
             const std::string& json) {
    Request request;
    if (const auto ok = google::protobuf::util::JsonStringToMessage(json, &request); !ok.ok())
        return {false, ok.ToString()};
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(5));
    Response response;
    if (const grpc::Status status = (stub.*method)(&context, request, &response); !status.ok())
        return {false, status.error_message()};
    Outcome out{true, {}};
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    static_cast<void>(google::protobuf::util::MessageToJsonString(response, &out.text, options));
    return out;
}

Outcome dispatch(Stub& stub, const std::string& method, const std::string& json) {
    if (method == "Version") return call(stub, &Stub::Version, json);
    if (method == "RunPodSandbox") return call(stub, &Stub::RunPodSandbox, json);
    if (method == "StopPodSandbox") return call(stub, &Stub::StopPodSandbox, json);
    if (method == "RemovePodSandbox") return call(stub, &Stub::RemovePodSandbox, json);
    if (method == "CreateContainer") return call(stub, &Stub::CreateContainer, json);
    if (method == "StartContainer") return call(stub, &Stub::StartContainer, json);
    if (method == "ExecSync") return call(stub, &Stub::ExecSync, json);
    return {false, "no such method"};
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv, argv + argc);
    if (words.size() < 4) {
        std::fputs("usage: cri_client SOCKET METHOD REQUEST...\n", stderr);
        return 2;
    }
    const auto stub = runtime::v1::RuntimeService::NewStub(
        grpc::CreateChannel("unix:" + words[1], grpc::InsecureChannelCredentials()));
    std::vector<Outcome> outcomes(words.size() - 3);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        threads.emplace_back([&, i] { outcomes[i] = dispatch(*stub, words[2], words[i + 3]); });
    for (std::thread& t : threads) t.join();
    for (const Outcome& o : outcomes) {
        if (!o.good) {
            std::fprintf(stderr, "%s: %s\n", words[2].c_str(), o.text.c_str());
            return 1;
        }
        std::puts(o.text.c_str());
    }
    return 0;
}
