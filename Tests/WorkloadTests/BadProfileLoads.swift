// Profiles whose model, rates and phases, trace or retry pool contradict each other.

/// Model, users, rates and phases.
let loadCases: [BadProfile] = [
    BadProfile(
        "an open profile has no users",
        "",
        "users: 10\nthink_time: 1s\n",
        "13:1 'users' belongs to a closed profile, this one is open | set 'model: closed', or give a rate instead",
        "14:1 'think_time' belongs to a closed profile, this one is open | set 'model: closed', or give a rate instead"),
    BadProfile(
        "a closed profile has no rate",
        "rate: 100",
        "model: closed\nusers: 10\nrate: 100",
        "4:1 'rate' belongs to an open profile, this one is closed | set 'model: open', or remove the key"),
    BadProfile(
        "a closed profile has users",
        "rate: 100",
        "model: closed",
        "1:1 the key 'users' is missing in the profile | add for example 'users: 100'"),
    BadProfile(
        "a phase of a closed profile has no rate",
        "rate: 100\nphases:\n  - name: steady\n",
        "model: closed\nusers: 10\nphases:\n  - name: steady\n    rate: 5\n",
        "6:5 a phase of a closed profile has no rate | remove the key; users and think_time set the load"),
    BadProfile(
        "closed users fit the population",
        "rate: 100",
        "model: closed\nusers: 501",
        "3:8 501 users are to be logged on at once, a population of 1000 gives the load 500 | set population.users to at "
            + "least 1002"),
    BadProfile(
        "closed users fit the limit of open sessions",
        "rate: 100",
        "model: closed\nusers: 401\nlimits: {in_flight: 400}",
        "4:21 401 closed users have a session each, more than in_flight allows | set limits.in_flight to at least 401, or remove "
            + "the key: the users are the limit of a closed load"),
    BadProfile(
        "some phase is measured",
        "    duration: 10s",
        "    duration: 10s\n    measure: off",
        "3:1 no phase is measured, so there would be no result | leave 'measure' on in at least one phase"),
    BadProfile(
        "a measured phase has a rate",
        "    duration: 10s",
        "    duration: 10s\n    rate: 0%",
        "3:1 the measured phases have a rate of 0"),
]

/// A trace in the place of rates.
let traceCases: [BadProfile] = [
    BadProfile(
        "a trace leaves no room for a rate", "rate: 100", "rate: 100\narrivals: {trace: a.csv}",
        "2:1 a replayed trace has its own times, so 'rate' means nothing | remove the key, or set 'arrivals: poisson'"),
    BadProfile(
        "a phase of a trace has no rate", "rate: 100\nphases:\n  - name: steady",
        "arrivals: {trace: a.csv}\nphases:\n  - rate: 10\n    name: steady",
        "4:5 a phase of a replayed trace has no rate | remove the key; the trace's times set the load"),
    BadProfile(
        "a trace is named", "rate: 100", "arrivals: {}",
        "2:11 the key 'trace' is missing in arrivals | add for example 'trace: starts.csv'"),
    BadProfile(
        "a trace is a key of arrivals, no word", "rate: 100", "rate: 100\narrivals: trace",
        "3:11 'trace' is no value of 'arrivals' | valid: poisson, uniform"),
    BadProfile(
        "a closed load has no trace", "rate: 100", "model: closed\nusers: 2\narrivals: {trace: a.csv}",
        "4:1 'arrivals' belongs to an open profile, this one is closed | set 'model: open', or remove the key"),
]

/// The retry pool and its clients.
let poolCases: [BadProfile] = [
    BadProfile(
        "a client's pool is there", "    weight: 2", "    weight: 2\n    users: retry",
        "9:12 the client 'internet-mail-3' takes its users from a pool that there is not | "
            + "add for example 'retry_pool: {share: 7.5%, after: 300s}'"),
    BadProfile(
        "a pool has a client", "", "retry_pool: {share: 10%, after: 1s}\n",
        "13:1 no client takes its users from the retry pool | add 'users: retry' to a client, or remove the key"),
    BadProfile(
        "a pool has users", "  - persona: basic-ssl",
        "  - {persona: basic-ssl, users: retry}\nretry_pool: {share: 0%, after: 1s}",
        "10:21 there is nobody in the retry pool | give the pool a part of the users, above 0% and below 100%"),
    BadProfile(
        "a pool leaves users to the others", "  - persona: basic-ssl",
        "  - {persona: basic-ssl, users: retry}\nretry_pool: {share: 100%, after: 1s}",
        "10:21 there is nobody outside the retry pool | give the pool a part of the users, above 0% and below 100%"),
    BadProfile(
        "closed users come again by themselves", "rate: 100", "model: closed\nusers: 2\nretry_pool: {share: 10%, after: 1s}",
        "4:1 a closed load's users come again by themselves, so there is no retry pool | remove the key"),
]
