"""Google's rouge-score: every question against all that were kept, words cut once, as Alpaca does with the instructions of Self-Instruct."""
import json
import time

from rouge_score import rouge_scorer, tokenizers


def dedupe(case):
    with open(case["path"]) as file:
        questions = json.load(file)
    tokenizer = tokenizers.DefaultTokenizer(use_stemmer=False)
    # 2PR / (P + R) of a pair at the threshold comes out a rounding above or below it
    threshold = case["threshold"] + 1e-9
    out = []

    def run():
        out.clear()
        kept = []
        began = time.perf_counter()
        for i, question in enumerate(questions):
            words = tokenizer.tokenize(question)
            if any(rouge_scorer._score_lcs(words, other).fmeasure > threshold for other in kept):
                out.append(i)
            else:
                kept.append(words)
        return {"": (time.perf_counter() - began) * 1e3}

    def check():
        hashed = 0
        for i in out:
            hashed = (31 * hashed + i) % 499
        return [len(out), hashed]

    return run, check
