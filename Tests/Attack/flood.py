"""A flood of commands before the logon starved Exchange 5.5 (KB230285). Here 32 connections flood, and the others are served."""

import json
import subprocess

import server

FLOODS = ("NOOP", "CAPA", "AUTH", "USER user00000", "CAPA|USER a|AUTH")
SECONDS = 1.5


def good_clients(up):
    done = subprocess.run(up.load("--seconds", SECONDS, "--in-flight", 32, "--users", 100), capture_output=True, text=True)
    return json.loads(done.stdout)


def run(report):
    with server.Server(limits=server.patience(600)) as up:
        good_clients(up)
        quiet = good_clients(up)
        for commands in FLOODS:
            attack = subprocess.Popen(
                up.load("--seconds", SECONDS + 0.5, "--in-flight", 32, "--users", 100, "--flood", commands, "--depth", 200),
                stdout=subprocess.PIPE, text=True)
            beside = good_clients(up)
            replies = json.loads(attack.communicate()[0])["replies"]
            # Two thirds of the machine belong to the flood's own processes and its replies; served is not starved.
            good = beside["failed"] == 0 and beside["sessions"] >= quiet["sessions"] / 20
            report.check(good, f"{commands}, {replies} replies: good sessions {beside['sessions']} ({quiet['sessions']} without), failed "
                         f"{beside['failed']}, p99 {beside['p99_us'] / 1e3:.0f} ms ({quiet['p99_us'] / 1e3:.0f} ms)")
