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
}
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
    faults: list

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
        uses_s3=choice.random() < 0.4, faults=[])
    kinds = [kind for kind in LASTING if kind != "s3" or plan.uses_s3]
    chosen = choice.sample(kinds, choice.randint(4, 7))
    if plan.uses_s3 and "s3" not in chosen:
        chosen[0] = "s3"
    # Two of the kinds that stop a process, so that every run loses some.
    chosen += choice.choices(["kill", "pause", "restart", "isolate"], k=1)
    if "restore" in chosen:
        plan.epoch_length = 25
    for number, kind in enumerate(chosen):
        # One after the other, each a little into the one before: several at once, and all of them seen.
        at = 2 + (TROUBLE - 12) * (number + choice.random()) / len(chosen)
        plan.faults.append(_fault(choice, plan, kind, round(at, 1)))
    plan.faults.sort(key=lambda fault: fault.at)
    return plan


def _fault(choice, plan, kind, at):
    lasts = round(choice.uniform(*LASTING[kind]), 1)
    target = choice.choice([name for name, _ in plan.parties])
    more = {}
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
    elif kind in ("doctor-killed", "no-doctor"):
        target = choice.choice(list(plan.doctors))
    return Fault(kind, at, lasts, target, more)


def written(plan):
    """As values of JSON."""
    return asdict(plan)
