"""What the benchmark prints, and the JSON that it keeps."""

import hashlib
import json
import os
import pathlib
import platform
import re
import subprocess
import time

import servers


def said(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip()


def conditions(options):
    """The machine, its software, and how the runs were made. The fingerprint tells machines apart, not their hours."""
    processor = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", processor)
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    machine = {
        "cpu": model.group(1) if model else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
        "memory_kib": int(memory.group(1)) if memory else 0, "hypervisor": bool(re.search(r"\bhypervisor\b", processor))}
    return {
        "fingerprint": hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:16], "machine": machine,
        "commit": said("git", "-C", str(servers.ROOT), "describe", "--always", "--dirty") or "unknown",
        "poplar": said(options.poplar, "--version").splitlines(), "compiler": said("gcc", "--version").partition("\n")[0],
        "openssl": said("openssl", "version"), "dovecot": said("/usr/sbin/dovecot", "--version"),
        "server_cpu": options.server_cpu, "client_cpu": options.client_cpu, "pairs": options.pairs,
        "seconds": options.seconds,
        "warm_up": options.warm_up, "load_before": os.getloadavg()[0], "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def print_conditions(facts):
    machine = facts["machine"]
    virtual = ", virtual" if machine["hypervisor"] else ""
    print(f"machine {facts['fingerprint']}: {machine['cpu']}, {machine['cores']} cores{virtual}, "
          f"kernel {machine['kernel']}, load {facts['load_before']:.2f} before")
    print(f"commit {facts['commit']}; " + "; ".join(" ".join(line.split()) for line in facts["poplar"]))
    print(f"floor: {facts['compiler']} -O2, glibc malloc, {facts['openssl']}"
          + (f"; Dovecot {facts['dovecot']}" if facts["dovecot"] else ""))
    print(f"server on cpu {facts['server_cpu']}, one worker; client on cpu {facts['client_cpu']}; {facts['pairs']} pairs of "
          f"{facts['seconds']:g} s a row\n", flush=True)


def cell(figure, digits=3):
    if not figure:
        return "-"
    return f"{figure['median']:.{digits}f} [{figure['min']:.{digits}f}-{figure['max']:.{digits}f}]"


def print_rows(rows):
    """One table for the judged figure, one for what stands beside it, one for memory."""
    races = [row for row in rows if row["kind"] != "memory"]
    weights = [row for row in rows if row["kind"] == "memory"]
    width = max([len(row["row"]) for row in rows] + [10]) + 1
    if races:
        print(f"\n{'judged':<{width}}{'ratio: above 1, ours is better':>32}{'A/A: theirs against itself':>30}"
              f"{'target':>8}  verdict")
    for row in races:
        judged, noise = ("rate_ratio", "rate_noise") if row["kind"] == "rate" else ("ratio", "noise")
        target = f"{row['target']:.2f}" if row["target"] is not None else "-"
        print(f"{row['row']:<{width}}{cell(row[judged]):>32}{cell(row[noise]):>30}{target:>8}  {row['verdict']}")
    if races:
        print(f"\n{'beside it':<{width}}{'CPU us/unit':>18}{'rate/s':>18}{'rate ratio':>22}{'server CPU':>13}{'client CPU':>13}"
              f"   theirs/ours each")
    for row in races:
        pair = row["theirs"], row["ours"]
        costs = "/".join(f"{side['cpu_us']['median']:.2f}" for side in pair)
        rates = "/".join(f"{side['per_s']['median']:.0f}" for side in pair)
        shares = ["/".join(f"{side[which]:.0%}" for side in pair) for which in ("server_share", "client_share")]
        print(f"{row['row']:<{width}}{costs:>18}{rates:>18}{cell(row['rate_ratio'], 2):>22}{shares[0]:>13}{shares[1]:>13}"
              f"   per {row['per']}: {row['work']}; against {row['against']}")
        remarks = [text for text in (row["suite"], row["note"]) if text]
        if not row["same_processes"]:
            remarks.append("processes came and went meanwhile: the CPU time of those that ended is missing")
        if row["foreign_share"] > 0.1:
            remarks.append(f"UNQUIET: others took {row['foreign_share']:.2f} of a core meanwhile; measure again "
                           "on a quiet machine")
        for text in remarks:
            print(f"{'':<{width}}  {text}")
    if weights:
        print(f"\n{'KiB a connection':<{width + 8}}{'ours':>22}{'C + OpenSSL floor':>22}{'at most':>9}  verdict")
    for row in weights:
        print(f"{row['row']:<{width + 8}}{cell(row['ours'], 2):>22}{cell(row['theirs'], 2):>22}"
              f"{row['target']:>9g}  {row['verdict']}")
    print(flush=True)


def print_burst(bursts):
    print(f"\n{'resident MiB, TLS burst':<28}" + "".join(f"{key:>14}" for key in bursts[0]["sizes_kib"]))
    for entry in bursts:
        print(f"{entry['variant']:<28}" + "".join(f"{size['rss'] / 1024:>14.1f}" for size in entry["sizes_kib"].values()))


def keep(report, path):
    """Written under a temporary name and renamed, after each contest: what is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=1) + "\n")
    partial.rename(path)
