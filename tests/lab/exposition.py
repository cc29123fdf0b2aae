# SPDX-License-Identifier: Apache-2.0
"""Reads Prometheus' text format (0.0.4), and takes nothing that is not it."""
import re

from lab import check

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(\{{.*\}})? (\S+)")
SUFFIXES = ("_bucket", "_sum", "_count")


def labels_of(text):
    """{a="1",b="2"}: each once, nothing between them but a comma."""
    pairs = LABEL.findall(text or "")
    check((text or "") == ("{" + ",".join(f'{k}="{v}"' for k, v in pairs) + "}"
                           if pairs else ""), f"labels: {text}")
    check(len(dict(pairs)) == len(pairs), f"a label twice: {text}")
    return tuple(sorted(pairs))


class Metrics:
    """type[name], help[name]; value[name][labels], labels in their order."""

    def __init__(self, raw):
        text = raw.decode("utf-8", errors="strict")
        check(text.endswith("\n"), "the last line ends")
        self.type, self.help, self.value = {}, {}, {}
        self.family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                self._help(line)
            elif line.startswith("# TYPE "):
                self._type(line)
            else:
                self._sample(line)
        for name in self.type:
            check(any(n in self.value for n in self.names(name)),
                  f"{name} has a sample")
            if self.type[name] == "histogram":
                self._histograms(name)

    def _help(self, line):
        name, text = line[len("# HELP "):].split(" ", 1)
        check(re.fullmatch(NAME, name) and text.strip(), line)
        check(name not in self.help, f"{name} is told once")
        self.help[name] = text

    def _type(self, line):
        name, kind = line[len("# TYPE "):].split(" ")
        check(name in self.help and name not in self.type
              and kind in ("gauge", "counter", "histogram"), line)
        check((kind == "counter") == name.endswith("_total"),
              f"counters end in _total: {line}")
        self.type[name] = kind
        self.family = name

    def names(self, name):
        return ([name + s for s in SUFFIXES]
                if self.type[name] == "histogram" else [name])

    def _sample(self, line):
        m = SAMPLE.fullmatch(line)
        check(m, f"a sample: {line!r}")
        check(self.family and m[1] in self.names(self.family),
              f"stands below its own type: {line}")
        labels, value = labels_of(m[2]), float(m[3])
        check(value >= 0 and value == value and value != float("inf"), line)
        rows = self.value.setdefault(m[1], {})
        check(labels not in rows, f"once: {line}")
        rows[labels] = value

    def _histograms(self, name):
        series = {}
        for labels, n in self.value[name + "_bucket"].items():
            le = dict(labels)["le"]
            rest = tuple(p for p in labels if p[0] != "le")
            series.setdefault(rest, []).append((float(le), n))
        check(set(series) == set(self.value[name + "_count"])
              == set(self.value[name + "_sum"]), f"{name}: same labels")
        for rest, buckets in series.items():
            bounds, counts = zip(*buckets)
            check(list(bounds) == sorted(set(bounds))
                  and bounds[-1] == float("inf"), f"{name}: {bounds}")
            check(list(counts) == sorted(counts), f"{name}: {counts}")
            check(counts[-1] == self.value[name + "_count"][rest],
                  f"{name}: +Inf is the count")

    @classmethod
    def of(cls, host, role):
        """From the local socket."""
        return cls(host.lanram("metrics", role).out)

    def get(self, name, **labels):
        """One sample; or the sum of those with these labels."""
        return sum(v for k, v in self.value["lanram_" + name].items()
                   if set(labels.items()) <= set(k))
