#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Medians and ratios of what bench/side-by-side measured."""
import collections
import csv
import statistics
import sys

# row, goal, ours, peer; goal < 0: ours / peer at most, > 0: at least
ROWS = [
    ("retrieve 2 KiB p50, us (TLS on ours), Redis", -0.6,
     "lanram,retrieve", "redis,retrieve"),
    ("retrieve 2 KiB p50, us (TLS on ours), memcached", -0.6,
     "lanram,retrieve", "memcached,retrieve"),
    ("store 2 KiB p50, us, 2 copies; Redis SET + WAIT 1", -0.6,
     "lanram,store", "redis,store"),
    ("1 GiB store, MiB/s, TLS, 2 copies; iperf3", 0.15,
     "stream,store", "iperf3,rate"),
    ("1 GiB retrieve, MiB/s, TLS; iperf3", 0.40,
     "stream,retrieve", "iperf3,rate"),
]


def main():
    values = collections.defaultdict(list)
    with open(sys.argv[1]) as f:
        for row in csv.reader(f):
            values[",".join(row[:2])].append(float(row[2]))
    print("| row | goal | lanram | peer | ratio | spread of lanram |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, goal, ours, peer in ROWS:
        if not values[ours] or not values[peer]:
            print(f"| {name} | | not measured | | | |")
            continue
        a, b = (statistics.median(values[k]) for k in (ours, peer))
        sign = "<=" if goal < 0 else ">="
        print(f"| {name} | {sign} {abs(goal)} | {a:.1f} | {b:.1f} | "
              f"{a / b:.2f} | {min(values[ours]):.1f} to "
              f"{max(values[ours]):.1f} |")


if __name__ == "__main__":
    main()
