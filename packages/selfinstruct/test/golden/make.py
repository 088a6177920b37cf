"""Writes rouge.json: ROUGE-L F1 of question pairs as rouge-score computes it. Run: python make.py > rouge.json"""
import json
import random
from importlib.metadata import version
from rouge_score import rouge_scorer

random.seed(0)
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
WORDS = "who sailed the white whale to Nantucket in 1851 and what did the captain of Pequod see there".split()
pairs = [
    ["Which sea did the ship cross?", "Which sea did the ship cross?"],
    ["Which sea did the SHIP cross in 1851?", "which sea, did the ship cross; in 1841"],
    ["What is a whale?", "Where was Ahab born?"],
    ["the the the whale", "the whale the whale"],
]
for _ in range(36):
    first = random.choices(WORDS, k=random.randint(3, 18))
    second = list(first)
    for _ in range(random.randint(1, 6)):  # near ones and far ones
        place = random.randrange(len(second) + 1)
        second[place : place + random.randint(0, 2)] = random.choices(WORDS, k=random.randint(0, 2))
    pairs.append([" ".join(first) + "?", " ".join(second or ["whale"]) + "?"])
cases = [{"earlier": a, "later": b, "fmeasure": scorer.score(a, b)["rougeL"].fmeasure} for a, b in pairs]
print(json.dumps({"versions": {"rouge-score": version("rouge-score")}, "cases": cases}, indent=1))
