"""What a seed says: a network, who lives in it, and what happens to it. The same seed is the same plan."""

import random
from dataclasses import asdict, dataclass, field

# Seconds in which faults begin, and in which traffic goes on under them.
TROUBLE = 60
# Per kind: the least and the longest time that it lasts, in seconds.
LASTING = {
    "kill": (2, 10), "pause": (5, 20), "restart": (0, 0), "isolate": (8, 20), "split": (15, 25),
    "slow": (10, 25), "lossy": (15, 25), "carrier": (12, 22), "full-disk": (8, 18),
    "slow-disk": (10, 20), "clock": (10, 25), "s3": (10, 20), "certificate": (8, 14),
    "restore": (2, 6), "garbage": (6, 12), "doctor-killed": (2, 6), "no-doctor": (8, 15),
    "equivocate": (12, 20), "signed-garbage": (12, 20),
    "etcd-killed": (8, 14), "etcd-parted": (8, 14), "etcd-majority": (6, 12), "two-writers": (4, 8),
}
# What can happen to a hospital alone that has two machines.
SHARED = ["etcd-killed", "etcd-parted", "etcd-majority", "two-writers"]
# What can happen to such a hospital as to any party; all else happens to others.
COMMON = ["isolate", "slow", "lossy", "garbage"]
# How far a clock jumps, in seconds.
JUMPS = [-1200, -300, -45, 20, 45, 300, 1200]


@dataclass
class Fault:
    kind: str
    at: float
    lasts: float
    target: str
    more: dict = field(default_factory=dict)

    def __str__(self):
        more = "".join(" %s=%s" % pair for pair in sorted(self.more.items()))
        return "%5.1f s  %-13s %s for %.0f s%s" % (
            self.at, self.kind, self.target, self.lasts, more)


@dataclass
class Plan:
    seed: int
    parties: list  # (identifier, kind)
    confirms: dict  # of each cloud: the hospitals whose chains it confirms
    doctors: dict  # of each doctor: the hospital
    patients: list
    epoch_length: int
    window: int
    uses_s3: bool
    machines: dict  # of a hospital that has several: their names
    liar: str  # the one party that is made to lie, if any is
    faults: list

    @property
    def processes(self):
        """The names of all daemons: that of the party, where it has one machine."""
        return [one for name, _ in self.parties for one in self.machines.get(name, [name])]

    def party(self, process):
        return next((name for name, machines in self.machines.items() if process in machines), process)

    @property
    def delegates(self):
        return [name for name, kind in self.parties if kind != "manager"]

    @property
    def hospitals(self):
        return [name for name, kind in self.parties if kind == "hospital"]

    def __str__(self):
        return "\n".join([
            "seed %d: %s" % (self.seed, ", ".join(name for name, _ in self.parties)),
            "  doctors %s; %d patients; epochs of %d blocks; records in %s" % (
                ", ".join("%s (%s)" % pair for pair in self.doctors.items()), len(self.patients),
                self.epoch_length, "S3" if self.uses_s3 else "SQLite"),
            *("  %s has %s, with etcd and S3" % (name, " and ".join(machines))
              for name, machines in self.machines.items()),
            *("  " + str(fault) for fault in self.faults)])


def parties_of(choice):
    hospitals = ["hospital-1", "hospital-2"] + (["hospital-3"] if choice.random() < 0.6 else [])
    clouds = ["cloud"] + ([] if len(hospitals) == 3 else ["cloud-2"])
    parties = [(h, "hospital") for h in hospitals] + [(c, "cloud") for c in clouds]
    confirms = {cloud: [] for cloud in clouds}
    for number, hospital in enumerate(hospitals):
        confirms[clouds[number % len(clouds)]].append(hospital)
    return parties + [("manager", "manager")], confirms


def make(seed):
    choice = random.Random("chaos %d" % seed)
    parties, confirms = parties_of(choice)
    plan = Plan(
        seed, parties, confirms,
        doctors={"anna": "hospital-1", "bert": "hospital-1", "carl": "hospital-2"},
        patients=["patient-1", "patient-2"], epoch_length=1000, window=240,
        uses_s3=choice.random() < 0.4, machines={}, liar="", faults=[])
    if choice.random() < 0.4:
        hospital = choice.choice(plan.hospitals)
        plan.machines[hospital] = [hospital + "-a", hospital + "-b"]
    plan.liar = choice.choice([name for name in plan.delegates if name not in plan.machines])
    chosen = _kinds(choice, plan)
    if "restore" in chosen:
        plan.epoch_length = 25
    for number, kind in enumerate(chosen):
        # One after the other, each a little into the one before: several at once, and all of them seen.
        at = 2 + (TROUBLE - 12) * (number + choice.random()) / len(chosen)
        plan.faults.append(_fault(choice, plan, kind, round(at, 1)))
    plan.faults.sort(key=lambda fault: fault.at)
    return plan


def _kinds(choice, plan):
    """What happens, in this order."""
    ordinary = [kind for kind in LASTING if kind not in SHARED and (kind != "s3" or plan.uses_s3)]
    if plan.machines:
        chosen = choice.sample(ordinary, choice.randint(2, 4))
    else:
        chosen = choice.sample(ordinary, choice.randint(4, 7))
    if plan.uses_s3 and "s3" not in chosen:
        chosen[0] = "s3"
    if plan.machines:
        chosen += choice.sample(SHARED, 2)
        choice.shuffle(chosen)
    if "equivocate" in chosen:
        # Its seat is empty from then on, so it comes last, and nobody else may be without a voice for long.
        chosen = [kind for kind in chosen if kind not in ("equivocate", "restore")] + ["equivocate"]
    # One of the kinds that stop a process more, so that every run loses some.
    chosen.insert(choice.randrange(len(chosen)), choice.choice(["kill", "pause", "restart", "isolate"]))
    return chosen


def _target(choice, plan, kind):
    if kind in SHARED:
        return next(iter(plan.machines))
    if kind in ("equivocate", "signed-garbage"):
        return plan.liar
    if kind in ("kill", "restart"):
        return choice.choice(plan.processes)
    names = [name for name, _ in plan.parties]
    return choice.choice([name for name in names if kind in COMMON or name not in plan.machines])


def _fault(choice, plan, kind, at):
    lasts = round(choice.uniform(*LASTING[kind]), 1)
    target, more = _target(choice, plan, kind), {}
    if kind == "split":
        one = sorted(choice.sample(plan.delegates, 2))
        if choice.random() < 0.5:
            one.append("manager")
        target = "+".join(one)
    elif kind == "s3":
        target, more = "cloud", {"how": choice.choice(["drop", "corrupt", "slow"])}
    elif kind == "clock":
        more = {"jump": choice.choice(JUMPS)}
    elif kind == "full-disk":
        more = {"how": choice.choice(["floor", "nothing"])}
    elif kind == "slow":
        more = {"delay": round(choice.uniform(0.05, 0.6), 2)}
    elif kind == "lossy":
        more = {"loss": round(choice.uniform(0.05, 0.4), 2)}
    elif kind == "two-writers":
        more = {"how": choice.choice(["paused", "cut"])}
    elif kind == "equivocate":
        more = {"what": choice.choice(["statements", "checkpoints"])}
    elif kind in ("etcd-killed", "etcd-parted"):
        more = {"leader": choice.random() < 0.5}
    elif kind in ("doctor-killed", "no-doctor"):
        target = choice.choice(list(plan.doctors))
    return Fault(kind, at, lasts, target, more)


def written(plan):
    """As values of JSON."""
    return asdict(plan)
