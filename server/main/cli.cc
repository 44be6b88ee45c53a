#include "server/main/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <new>

#include "server/main/doctor.h"
#include "server/main/key_docs.h"
#include "server/main/log.h"
#include "server/main/serve.h"
#include "server/main/settings.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

/// Reads the settings; prints what is wrong with them.
std::optional<Settings> load(const SettingsSources& sources) {
  config::Problems problems;
  Settings settings = load_settings(sources, problems);
  if (problems.empty()) return settings;
  for (const std::string& line : problems.lines()) log_error(line);
  return std::nullopt;
}

int run_serve(const SettingsSources& sources) {
  block_signals();
  const auto settings = load(sources);
  return settings ? serve(*settings) : kFailure;
}

int run_check(const SettingsSources& sources) {
  const auto settings = load(sources);
  if (!settings) return kFailure;
  std::error_code ignored;
  if (!std::filesystem::is_directory(settings->files.root, ignored)) {
    log_warning(fmt::format("root {} is not a directory here", settings->files.root));
  }
  fmt::print("configuration is valid\n");
  return 0;
}

int run_keys(bool schema) {
  fmt::print("{}", schema ? json_schema(Settings()) : key_table(Settings()));
  return 0;
}

int run_doctor(const std::optional<std::string>& interface) {
  const Diagnosis diagnosis = examine(interface);
  fmt::print("{}", render(diagnosis));
  return is_usable(diagnosis) ? 0 : kFailure;
}

void add_doctor(CLI::App& command, std::optional<std::string>& interface) {
  command
      .add_option("--interface", interface,
                  "Also try each AF_XDP mode on this interface: the XDP program is attached a few times for some "
                  "milliseconds, and matches nothing. Cards that start anew at that lose what arrives meanwhile")
      ->type_name("IF");
  command.footer(
      "Without --interface the XDP program is only loaded. A TUN device is opened and closed again.\n"
      "Ends with 1 when every way is refused.");
}

void add_sources(CLI::App& command, SettingsSources& sources) {
  command.add_option("--config", sources.file, "The configuration file; without it, a TUN device and ./www")
      ->type_name("FILE");
  command.add_option("--root", sources.root, "The directory to serve; shorter for --set root=DIR")->type_name("DIR");
  command.add_option("--set", sources.set, "Overrides one key, such as limits.keepAliveTimeout=5s; may be repeated")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
}

/// Everything that stops a start, in the operator's words.
int guarded(const std::function<int()>& command) {
  try {
    return command();
  } catch (const stack::base::SetupError& error) {
    log_error(error.what());
  } catch (const std::bad_alloc&) {
    log_error("not enough memory\n  Lower tcp.connectionsMax, backend.receiveFrames or backend.transmitFrames.");
  } catch (const std::exception& error) {
    log_error(error.what());
  }
  return kFailure;
}

}  // namespace

int run(int argc, const char* const* argv) {
  CLI::App app("windhover: an HTTP/1.1 server on its own TCP/IP stack", "windhover");
  app.set_version_flag("--version", "windhover " WINDHOVER_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Any key of the configuration can also come from the environment: WINDHOVER__LIMITS__KEEPALIVETIMEOUT=5s.\n"
      "Later wins: file, environment, --set, --root.");

  SettingsSources sources;
  sources.environment = environ;
  bool schema = false;
  std::optional<std::string> interface;
  CLI::App* const serve_command = app.add_subcommand("serve", "Serve until SIGTERM or Ctrl-C");
  CLI::App* const check_command =
      app.add_subcommand("check", "Say whether the configuration is valid, or all that is wrong with it");
  CLI::App* const keys_command =
      app.add_subcommand("keys", "List every configuration key with its default and meaning");
  CLI::App* const doctor_command =
      app.add_subcommand("doctor", "Say which ways of carrying frames work here, or what stops them");
  add_sources(*serve_command, sources);
  add_sources(*check_command, sources);
  keys_command->add_flag("--schema", schema, "As a JSON Schema, for editors");
  add_doctor(*doctor_command, interface);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return guarded([&] {
    if (serve_command->parsed()) return run_serve(sources);
    if (check_command->parsed()) return run_check(sources);
    if (doctor_command->parsed()) return run_doctor(interface);
    return run_keys(schema);
  });
}

}  // namespace windhover::server::main
