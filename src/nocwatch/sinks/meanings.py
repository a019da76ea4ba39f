"""What each of the watch's own metrics means: the HELP lines of its /metrics, and what docs/metrics.md is tested against.

A figure that is not named here is not exported; one that is named is there from the start, with 0, so that an alert on its
increase sees the first one too.
"""

from __future__ import annotations

COUNTERS: dict[str, str] = {
    "records_total": "Records of the journal taken in.",
    "frames_total": "Frames taken in.",
    "record_failures_total": "Records that were passed over (each is a bug in nocwatch, and stands in the log).",
    "alerts_total": "New states of alerts.",
    "journal_gaps_total": "Places in the journal where observations are missing or damaged.",
    "journal_missing_records_total": "Records that are missing there.",
    "store_retries_total": "Batches that the store could not take, and that were tried again.",
    "forgotten_total": "Flags and alerts of which the watch had no memory after a start, and which it ended.",
    "snapshots_total": "Snapshots of the watch's state written.",
    "snapshot_errors_total": "Snapshots that could not be written.",
    "detector_failures_total": "Mistakes of detectors (each is a bug in nocwatch, and raises the flag rule_failed).",
    "points_total": "Points handed to the InfluxDB spool.",
    "influx_points_written_total": "Points that InfluxDB took.",
    "influx_points_refused_total": "Points that InfluxDB refuses for good; they are in refused.lp beside the spool.",
    "influx_write_failures_total": "Writes to InfluxDB that have to be made again.",
    "influx_lost_records_total": "Spool records lost before they were written: the spool was full, or damaged.",
    "influx_spool_dropped_records_total": "Spool records that the disk did not take in time.",
}

STATE: dict[str, str] = {
    "stations_dropped": "Messages of stations for which there was no room: as many as may be are online.",
    "stations_forgotten": "Stations that made room for another: offline, and heard of longest ago.",
    "connectors_dropped": "Messages of a connector beyond as many as a station may have.",
    "bad_connectors": "Messages with a number of a connector or EVSE that can be none.",
    "links_dropped": "Links of one station beyond as many as are kept: the oldest is given up.",
    "upstreams_dropped": "Words of a CSMS beyond as many as a relay may have.",
    "sessions_closed_early": "Transactions closed since too many were open on one connector, or at one station.",
    "attempts_closed_early": "Attempts closed since too many of one station were waiting.",
    "sessions_forgotten": "Closed sessions that late messages no longer reach; they stay in the store.",
    "profiles_dropped": "Charging profiles in force that made room for newer ones.",
    "profile_steps_dropped": "Charging profiles of which only the first steps are kept.",
    "bookings_dropped": "Standing reservations that made room for newer ones.",
    "costs_unplaced": "Costs and settlements of a transaction that nobody knows.",
    "costs_absurd": "Costs with more digits than money has.",
    "needs_unplaced": "Needs and plans of a vehicle where no session was.",
    "notes_unplaced": "Other words on a transaction that nobody knows.",
    "empty_stops": "Stops that name no transaction and no register.",
    "stale_statuses": "Late statuses of a time before the one that is known.",
    "battery_swaps": "Battery swaps, which make no session.",
    "read_again": "Messages that were read twice; they count once.",
}
"""What the model of the fleet met that its limits or the messages did not allow: ``state_…`` of ``Fleet.counters``."""

GAUGES: dict[str, str] = {
    "behind_seconds": "Age of the newest record when it was taken in; 0 while all of the journal is read.",
    "caught_up": "1 while what the watch shows is at most 30 s old.",
    "read_timestamp_seconds": "Time of the newest record that was taken in.",
    "relay_silent_seconds": "Since the relay's last tick; 0 before the first one.",
    "influx_behind_seconds": "Age of the oldest point that waits for InfluxDB; 0 while none does.",
    "influx_waiting": "1 while points wait for InfluxDB.",
    "start_time_seconds": "When the watch started.",
}
