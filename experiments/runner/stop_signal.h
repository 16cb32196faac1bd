// SIGINT and SIGTERM as something that a loop can wait for.
#pragma once

namespace lengthwise {

/// Begins to catch the two signals. Once in a process.
void catch_stop_signals();
/// Readable once a signal has come.
int stop_descriptor();
/// How many have come.
int stops_requested();

}  // namespace lengthwise
