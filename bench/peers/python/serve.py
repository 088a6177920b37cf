"""A peer in Python: `serve.py VARIANT THREADS` (torch-naive, torch-sdpa, numpy, trl-bfd, trl-wrapped, text, rouge) answers as ../../serve-peer.ts does."""
import json
import os
import re
import sys
import time

variant, threads = sys.argv[1], int(sys.argv[2])
WARM_UP_MS, LONG_MS = 300, 15_000
replies = os.fdopen(3, "w", buffering=1)


def works():
    """{work: prepare}, where prepare(input) returns (run, check); run returns milliseconds by part."""
    if variant.startswith("trl"):
        import trl_works

        return {"packing": trl_works.bfd if variant == "trl-bfd" else trl_works.wrapped}
    if variant == "text":
        import text_works

        return {"tokenize": text_works.tokenize, "stream": text_works.stream, "bpe": text_works.train}
    if variant == "rouge":
        import rouge_works

        return {"dedupe": rouge_works.dedupe}
    if variant == "numpy":
        import numpy_works

        return {"matmul": numpy_works.matmul}
    import torch

    torch.set_num_threads(threads)
    import generate_works
    import llama
    import torch_works

    naive = variant == "torch-naive"
    return {
        "attention": lambda case: torch_works.attention(case, naive),
        "matmul": torch_works.matmul,
        "decode": lambda case: torch_works.decode(case, naive),
        "step": lambda case: llama.step(case, naive),
        "prefill": generate_works.prefill,
        "token": generate_works.token,
        "adam": lambda case: llama.step(case, naive),
        "lora": lambda case: llama.step(case, naive),
    }


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_bytes():
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", file.read())[1])


def timed(milliseconds):
    """Runs for about as long, at least once."""
    runs, began = [], time.perf_counter()
    while not runs or (time.perf_counter() - began) * 1e3 < milliseconds:
        runs.append(run())
    return runs, (time.perf_counter() - began) * 1e3


WORKS = works()
run = None
for line in sys.stdin:
    request = json.loads(line)
    try:
        if "prepare" in request:
            reset_peak()
            run, check = WORKS[request["prepare"]](request["input"])
            runs, took = timed(WARM_UP_MS)
            answer = {"check": check(), **({"warm": runs[-1]} if took >= LONG_MS else {})}
        elif "sample" in request:
            runs, _ = timed(request["sample"])
            answer = {"median": {part: sorted(r[part] for r in runs)[len(runs) // 2] for part in runs[0]}}
        else:
            run = check = None
            answer = {"peakBytes": peak_bytes()}
    except Exception as error:
        answer = {"note": f"{'does not fit' if 'memory' in str(error) else 'fails'}: {type(error).__name__} {error}"[:300]}
    replies.write(json.dumps(answer) + "\n")
