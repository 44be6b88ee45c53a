// Large transfers between windhover's stack and the kernel's, and between two kernels for comparison.
//
//   transfer serve [--config FILE] [--set KEY=VALUE]...     over our stack, configured as `windhover serve` is
//   transfer kernel ADDRESS PORT                            the same over the kernel's sockets
//   transfer get|put|sip ADDRESS PORT SIZE [--congestion-control NAME] [--slowly]
//
// A client prints one line, NAME=VALUE with blanks between, and ends with 1 when what has arrived is not what was sent.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "server/main/log.h"
#include "tests/live/programs/kernel_side.h"
#include "tests/live/programs/transfer_lane.h"

namespace {

namespace live = windhover::live;
namespace server = windhover::server;

constexpr std::size_t kTouched = std::size_t{256} << 20;

int serve(const server::main::SettingsSources& sources) {
  server::config::Problems problems;
  const server::main::Settings settings = server::main::load_settings(sources, problems);
  for (const std::string& line : problems.lines()) server::main::log_error(line);
  if (!problems.empty()) return 1;
  live::Store store(kTouched);
  return live::serve_over_stack(settings, live::Pattern(), store);
}

int serve_kernel(const live::ClientOptions& where) {
  live::Store store(kTouched);
  live::serve_over_kernel(where.address, where.port, "Now listening", live::Pattern(), store);
}

int run_client(const live::ClientOptions& options) {
  const live::Pattern pattern;
  live::Store store(options.request.verb == live::Verb::kGet ? options.request.size : 0);
  const live::Outcome outcome = live::transfer(options, pattern, store);
  const std::string wanted = pattern.digest(options.request.size);
  fmt::print("bytes={} seconds={:.6f} retransmitted={} sha256={} wanted={}\n", outcome.size, outcome.seconds,
             outcome.retransmitted, outcome.digest, wanted);
  return outcome.digest == wanted ? 0 : 1;
}

void add_where(CLI::App& command, live::ClientOptions& options) {
  command.add_option("address", options.address)->required();
  command.add_option("port", options.port)->required();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Large transfers, over windhover's stack and the kernel's", "transfer");
  app.require_subcommand(1);
  server::main::SettingsSources sources;
  sources.environment = environ;
  CLI::App* const serving = app.add_subcommand("serve", "Serve over windhover's stack");
  serving->add_option("--config", sources.file, "The configuration file");
  serving->add_option("--root", sources.root, "Taken for the likeness with windhover, and not used");
  serving->add_option("--set", sources.set, "Overrides one key")->take_all()->expected(1);
  live::ClientOptions options;
  CLI::App* const kernel = app.add_subcommand("kernel", "Serve over the kernel's sockets");
  add_where(*kernel, options);
  for (const char* const name : {"get", "put", "sip"}) {
    CLI::App* const client = app.add_subcommand(name, "One transfer over the kernel's sockets");
    add_where(*client, options);
    client->add_option("size", options.request.size, "In bytes")->required()->check(CLI::Range(live::kSizeMax));
    client->add_option("--congestion-control", options.congestion_control, "Of the client's socket");
    client->add_flag("--slowly", options.slowly, "Read by fits and starts");
  }
  CLI11_PARSE(app, argc, argv);
  try {
    if (serving->parsed()) return serve(sources);
    if (kernel->parsed()) return serve_kernel(options);
    options.request.verb = *live::verb_of(app.get_subcommands().front()->get_name());
    return run_client(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "transfer: {}\n", error.what());
    return 1;
  }
}
