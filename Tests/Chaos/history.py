"""What was asked of doctors' and patients' programs and of desks, and what they acknowledged."""

import json
import threading
import time
from dataclasses import asdict, dataclass, field


@dataclass
class Operation:
    verb: str  # as ticket, sign, consent, revoke, open, collect, desk-ticket
    who: str
    began: float
    ended: float = 0
    code: int | None = None  # the exit code; None where it did not end in time
    result: dict = field(default_factory=dict)
    about: dict = field(default_factory=dict)  # what the runner knows: visit, consent, team, …

    @property
    def error(self):
        error = (self.result or {}).get("error")
        return error.get("code") if isinstance(error, dict) else None


class History:
    def __init__(self):
        self.operations, self.notes = [], []
        self._lock = threading.Lock()
        self.begun = time.time()

    def add(self, operation):
        with self._lock:
            self.operations.append(operation)

    def of(self, *verbs):
        return [each for each in self.operations if each.verb in verbs]

    def write(self, path):
        with open(path, "w") as file:
            for each in self.operations:
                file.write(json.dumps(asdict(each)) + "\n")


def read(path):
    history = History()
    history.operations = [Operation(**json.loads(line)) for line in open(path)]
    return history
