"""What PostgreSQL may write into its own log: nothing that can quote a customer's value.

A failed statement's message quotes values (`invalid input syntax for type date: "…"`), and so do its DETAIL, its
CONTEXT and the STATEMENT itself. Waybill gets all of them as the client, so that the server's log needs none.
"""

# Whoever connects may have these set for their role; the server that comes with Waybill has them for everybody.
QUIET = {
    "log_min_messages": "log",  # above ERROR in this list: starts, stops, crashes and what cannot connect stay
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "debug_print_plan": "off",
}
# Other forms of the log hold what `terse` leaves out, and modules such as auto_explain write values of their own.
PLAIN = {
    "log_destination": "stderr",
    "logging_collector": "off",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
}
# How a module writes statements down, on a server that has loaded it.
MODULES = {"auto_explain.log_min_duration": "-1"}
SILENT = {"log", "fatal", "panic"}  # values of log_min_messages with which no failed statement is told


def revealing(settings: dict[str, str]) -> dict[str, str]:
    """Return the session `settings` with which the server's log may quote values."""
    wanted = {name: {value} for name, value in (QUIET | MODULES).items()} | {"log_min_messages": SILENT}
    return {name: settings[name] for name in wanted if name in settings and settings[name] not in wanted[name]}
