#include "dataplane/counters.h"

#define COUNTER_NAME(name, help) [COUNT_##name] = #name,
const char *const counter_name[COUNT_N] = { COUNTERS(COUNTER_NAME) };

#define COUNTER_HELP(name, help) [COUNT_##name] = help,
const char *const counter_help[COUNT_N] = { COUNTERS(COUNTER_HELP) };
