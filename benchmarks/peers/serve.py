"""A Python peer's side of the protocol (../README.md), and the timing that all of them share."""

import json
import sys
import time


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def time_calls(once, iterations=0, durationMs=0, **_):
    """Calls once() for so many iterations or so long; the samples in µs."""
    samples = []
    clock = time.perf_counter_ns
    start = clock()
    end = start + int(durationMs * 1e6)
    before = start
    while len(samples) < iterations if iterations > 0 else before < end:
        before = clock()
        once()
        samples.append((clock() - before) / 1000)
    return {"count": len(samples), "seconds": (clock() - start) / 1e9, "samples": samples}


def serve(prepare):
    """prepare(config) gives (about, round(command)). Every failure becomes {"error": …}, never a silent end."""
    try:
        config = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
        about, one_round = prepare(config)
        if config.get("warmupMs", 0) > 0:
            one_round({"durationMs": config["warmupMs"]})
        say({"ready": True, **about})
        for line in sys.stdin:
            if not line.strip():
                continue
            command = json.loads(line)
            if command.get("warmupMs", 0) > 0:
                one_round({"durationMs": command["warmupMs"]})
            say(one_round(command))
    except Exception as error:  # whatever it is, the comparison goes on without this peer
        first = str(error).strip().split("\n")[0][:400]
        say({"error": f"{type(error).__name__}: {first}"})
        sys.exit(1)
