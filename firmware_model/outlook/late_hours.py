"""Hourly records that were not written when their hours ended: worked out, many at once, when the memory is read."""

import numpy as np

from firmware_model.electronics.sampler import Sampler
from firmware_model.firmware.estimation import FLOW_WINDOW_HOURS, flow_nl_per_day
from firmware_model.firmware.firmware import HOUR_SAMPLES, SAMPLE_PERIOD_MS, Firmware
from firmware_model.firmware.pump_memory import HISTORY_DTYPE, HISTORY_RECORDS
from firmware_model.firmware.windows import first_full_hour

__all__ = ["write_late_hours"]


def write_late_hours(firmware: Firmware, sampler: Sampler) -> None:
    """Write the hours that are not yet in the memory, as far as its ring holds them."""
    ahead, firmware.hours_ahead = firmware.hours_ahead, 0
    if not ahead:
        return
    memory = firmware.memory
    last_hour = (firmware.sample_count - 1) // HOUR_SAMPLES
    kept = min(ahead, HISTORY_RECORDS + 1)
    first_seq = memory.next_hour + ahead - kept
    memory.pass_over_hours(ahead - kept)
    memory.keep_hours(_records(firmware, sampler, np.arange(last_hour - kept + 1, last_hour + 1), first_seq))
    firmware.alarm_runs.clear()
    firmware.restarts = [firmware.restarted_at]


def _records(firmware: Firmware, sampler: Sampler, hours: np.ndarray, first_seq: int) -> np.ndarray:
    """Records of hours, by number since the start."""
    restarts = np.array(firmware.restarts)
    since = restarts[np.maximum(restarts.searchsorted(hours * HOUR_SAMPLES, side="right") - 1, 0)]
    means = sampler.hour_means(hours, since)
    full = np.array([first_full_hour(at) for at in since.tolist()])
    valid = hours >= full + FLOW_WINDOW_HOURS - 1
    records = np.zeros(hours.size, dtype=HISTORY_DTYPE)
    records["end_uptime_ms"] = hours * HOUR_SAMPLES * SAMPLE_PERIOD_MS
    records["boot_count"] = firmware.counters.boots
    for name in ("temperature_mc", "reservoir_pa", "outlet_pa", "ambient_pa"):
        records[name] = getattr(means, name)
    records["volume_nl"] = means.bellows_nl
    records["flow_valid"] = valid
    records["flow_nl_per_day"] = _flows(sampler, hours, means.bellows_nl, valid)
    seqs, alarms = zip(*firmware.alarm_runs, strict=True)
    run = np.searchsorted(seqs, first_seq + np.arange(hours.size), side="right") - 1
    records["alarms"] = np.array([int(each) for each in alarms])[run]
    return records


def _flows(sampler: Sampler, hours: np.ndarray, volumes_nl: np.ndarray, valid: np.ndarray) -> np.ndarray:
    before = np.arange(max(1, hours[0] - FLOW_WINDOW_HOURS + 1), hours[0])
    if before.size and valid[: FLOW_WINDOW_HOURS - 1].any():
        earlier = sampler.hour_means(before, np.zeros_like(before)).bellows_nl
        volumes_nl = np.concatenate([earlier, volumes_nl])
    missing = hours.size + FLOW_WINDOW_HOURS - 1 - volumes_nl.size
    volumes_nl = np.concatenate([np.zeros(missing, dtype=np.int64), volumes_nl])
    flows = flow_nl_per_day([volumes_nl[k : k + hours.size] for k in range(FLOW_WINDOW_HOURS)])
    return np.where(valid, flows, 0)
