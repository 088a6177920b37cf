"""Writes the golden files of this folder. Run: pip install rouge-score==0.1.2 nltk==3.10.4 scipy==1.17.1; python make.py

rouge.json      Google's rouge-score on pairs of texts, without and with its stemmer
stems.json      words and what its stemmer (nltk.stem.porter.PorterStemmer, default mode) makes of them
squad.json      exact match and F1 as the SQuAD 2.0 script defines them, written again from its definition
power-law.json  least squares on log L by scipy, many starts
"""
import json
import platform
import random
import re
import string
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from scipy.optimize import least_squares

folder = Path(__file__).parent
versions = {"python": platform.python_version(), **{p: version(p) for p in ("rouge-score", "nltk", "scipy", "numpy")}}


def write(name, content):
    text = json.dumps({"versions": versions, **content}, ensure_ascii=True, indent=None, separators=(",", ":"))
    (folder / name).write_text(text.replace('},{"', '},\n{"') + "\n")


# (prediction, references)
pairs = [
    ("the cat sat on the mat", ["the cat sat on the mat"]),
    ("the cat sat on the mat", ["the mat sat on the cat"]),
    ("a quick brown fox jumps over a lazy dog", ["The quick brown fox jumped over the lazy dogs."]),
    ("police killed the gunman", ["police kill the gunman", "the gunman was shot down by police"]),
    ("the gunman kill police", ["police killed the gunman"]),
    ("", ["something"]),
    ("something", [""]),
    ("", [""]),
    ("   \n\t ", ["word"]),
    ("...!?", ["--- ,,,"]),
    ("one", ["one"]),
    ("one", ["two"]),
    ("one two", ["two one"]),
    ("a a a a b", ["a b a"]),
    ("a b a b a b", ["b a b a"]),
    ("3.14 is pi, 2.718 is e", ["Pi is 3.14; e is 2.718"]),
    ("In 1,024 tokens", ["in 1024 tokens"]),
    ("The U.S. Senate met at 9a.m.", ["the us senate met at 9 am"]),
    ("caf\u00e9 na\u00efve r\u00f4le", ["cafe naive role"]),
    ("stra\u00dfe \u212aelvin \u0130stanbul", ["strasse kelvin istanbul"]),
    ("\u5317\u4eac is the capital", ["Beijing \u5317\u4eac is a capital"]),
    ("\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440", ["\u043f\u0440\u0438\u0432\u0435\u0442"]),
    ("smile \U0001f600 please\u200bnow", ["smile please now \U0001f600"]),
    ("\u201cquoted\u201d \u2014 and dashed\u2014text\u2026", ["quoted and dashed text"]),
    ("under_score hy-phen slash/ed", ["under score hy phen slash ed"]),
    ("don't can't won't", ["dont cant wont"]),
    ("running runner runs ran", ["run runs running"]),
    ("nationally organizational happiness flying", ["national organization happy flies"]),
    ("the generalization of generously general generals", ["generalizations generous generality generalize"]),
    ("dying lying tying skies news innings", ["die lie tie sky new inning"]),
    ("Fellow-Citizens of the Senate and House of Representatives:", ["fellow citizens of the senate, and the house of representatives"]),
    ("First line here.\nSecond line follows.", ["Second line follows.\nFirst line here."]),
    ("one two three\n\nfour five", ["one four\ntwo five\nthree"]),
    ("a b c d e\nf g h", ["a c e\nb d f\ng h a b"]),
    ("x y z\n...\nx y", ["x y x y\nz"]),
    ("\n\n", ["a\nb"]),
    ("the meeting was about budgets and the new plan for schools", ["The committee discussed budget cuts and a plan for new schools", "Budgets were discussed", "They met."]),
    ("alpha beta", ["gamma delta", "epsilon"]),
    ("word " * 60, ["word " * 45 + "other"]),
    ("It was the best of times, it was the worst of times", ["it was the age of wisdom, it was the age of foolishness", "It was the worst of times; it was the best of times."]),
    ("line one\r\nline two", ["line one\nline two"]),
    ("ABLE able Able", ["able ABLE"]),
    ("a b", ["a", "a b c d"]),  # equal F-measures: the first counts
    # 6 of 20 words against 16, 7 of 20 against 22: both F-measures are 1/3, and rounding makes one the larger
    ("a b c d e f g " + "x " * 13, ["a b c d e f " + "y " * 10, "a b c d e f g " + "z " * 15]),
]
types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def rouge():
    cases = []
    for prediction, references in pairs:
        scores = {}
        for stem in (False, True):
            found = RougeScorer(types, use_stemmer=stem).score_multi(references, prediction)
            scores["stemmed" if stem else "plain"] = {t: [found[t].precision, found[t].recall, found[t].fmeasure] for t in types}
        cases.append({"prediction": prediction, "references": references, **scores})
    write("rouge.json", {"cases": cases})


real = """caresses ponies ties dies flies cats caress feed agreed plastered bled motoring sing conflated troubled sized hopping tanned falling hissing
fizzed failing filing happy sky enjoy spy spied died tried relational conditional rational valenci hesitancy digitizer conformably radically
differently vilely analogously vietnamization predication operator feudalism decisiveness hopefulness callousness formality sensitivity
sensibility triplicate formative formalize electricity electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable
defensible irritant replacement adjustment dependent adoption homologou communism activate angularity homologous effective bowdlerize probate
rate cease controll roll geology theology archaeology apology fully carefully naturally logically dying lying tying skies news innings inning
outing outings canning cannings howe proceed exceed succeed succeeding yyyy syzygy yearly rhythm oats trees ivy private oaten orrery ing eing
1990s 2nd abc123 x9ing 4ed being seeing agreeing used using owed owing added eddied eyed aged aging ized bling""".split()


def stems():
    rng = random.Random(20231114)
    endings = """ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi
    icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll s ies sses
    ed eed ing ied y ly ally""".split()
    made = ["".join(rng.choice("aeiouybcdlstwxz7") for _ in range(rng.randint(1, 5))) + "".join(rng.choice(endings) for _ in range(rng.randint(1, 2))) for _ in range(400)]
    stem = lambda word: PorterStemmer().stem(word) if len(word) > 3 else word  # rouge-score leaves short words alone
    words = list(dict.fromkeys(real + made))
    words = dict.fromkeys(words + [stem(word) for word in words])  # with the stems, so that a word can be compared to its stem
    write("stems.json", {"stems": {word: stem(word) for word in words}})


answers = [
    ("The cat.", ["cat"]), ("a cat", ["The Cat!"]), ("an apple a day", ["apple day"]), ("theory of a game", ["theory of game"]),
    ("New York City", ["new york", "york city new"]), ("", [""]), ("the", [""]), ("", ["answer"]), ("answer", [""]), ("...", ["a an the"]),
    ("1,000 dollars", ["1000 dollars"]), ("$5.00", ["500"]), ("U.S.A.", ["USA", "United States"]), ("well-known", ["well known"]),
    ("red red blue", ["red blue blue"]), ("it is  spaced\tout\n", ["it is spaced out"]), ("no\u00a0break", ["no break"]),
    ("wide\u3000space", ["wide space"]), ("caf\u00e9 a la carte", ["caf\u00e9 la carte"]), ("caf\u00e9a th\u00e9 a\u00e9", ["caf\u00e9a th\u00e9 a\u00e9"]),
    ("\u00e9a the\u0301 a_b the_end", ["\u00e9 a_b the_end"]), ("\u201cThe\u201d end", ["\u201c\u201d end", "end"]), ("\u5317\u4eac the \u5317\u4eac", ["\u5317\u4eac \u5317\u4eac"]),
    ("\u0391\u03a3 \u0130 STRASSE", ["\u03b1\u03c2 i\u0307 strasse"]), ("an-a the.an", ["ana thean"]), ("Paris, France", ["paris", "France", "in Paris France"]),
    ("nothing shared", ["entirely different words"]), ("`~!@#$%^&*()_+", ["_", ""]), ("\u00bfQu\u00e9? the", ["\u00bfqu\u00e9"]), ("a\u0085b", ["b"]),
]


def normalise(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text, flags=re.UNICODE).split())


def f1(prediction, reference):
    own, gold = normalise(prediction).split(), normalise(reference).split()
    if not own or not gold:
        return int(own == gold)
    same = sum((Counter(own) & Counter(gold)).values())
    if same == 0:
        return 0
    precision, recall = same / len(own), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def squad():
    write("squad.json", {"cases": [{
        "prediction": p, "references": r,
        "exactMatch": max(int(normalise(p) == normalise(one)) for one in r), "f1": max(f1(p, one) for one in r),
    } for p, r in answers]})


figure1 = {  # Xiong et al. 2023, Fig. 1, digitised (contexts 1, 2, 4 ... 32,768)
    "7B": [5.657, 4.701, 3.971, 3.342, 2.745, 2.473, 2.253, 2.06, 1.855, 1.78, 1.81, 1.747, 1.659, 1.651, 1.636, 1.583],
    "13B": [5.502, 4.496, 3.724, 3.063, 2.491, 2.184, 2.011, 1.843, 1.698, 1.614, 1.656, 1.64, 1.53, 1.511, 1.533, 1.471],
    "34B": [5.405, 4.456, 3.663, 2.993, 2.417, 2.12, 1.946, 1.765, 1.644, 1.556, 1.598, 1.571, 1.469, 1.457, 1.469, 1.444],
    "70B": [5.377, 4.44, 3.655, 2.965, 2.367, 2.058, 1.885, 1.702, 1.576, 1.503, 1.537, 1.511, 1.416, 1.405, 1.407, 1.371],
}


def fit(contexts, losses):
    """Best of many starts in (log(alpha^beta), log beta, gamma), gamma >= 0, beta in [0.02, 10]."""
    c, y = np.array(contexts, float), np.log(losses)
    residual = lambda p: np.log(np.exp(p[0]) * c ** -np.exp(p[1]) + p[2]) - y
    best = None
    for beta in (0.03, 0.1, 0.3, 0.6, 1.2, 2.5, 5):
        for share in (0.05, 0.3, 0.6, 0.9, 0.99):
            start = [np.log(share * losses[0] * c[0] ** beta), np.log(beta), (1 - share) * losses[0]]
            found = least_squares(residual, start, bounds=([-50, np.log(0.02), 0], [150, np.log(10), np.inf]), x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=5000)
            if best is None or found.cost < best.cost:
                best = found
    beta = np.exp(best.x[1])
    return {"alpha": float(np.exp(best.x[0] / beta)), "beta": float(beta), "gamma": float(best.x[2]), "squares": 2 * float(best.cost)}


def power_law():
    rng = np.random.default_rng(7)
    series = [(name, [2**i for i in range(16)], losses) for name, losses in figure1.items()]
    for i, (alpha, beta, gamma, noise) in enumerate([(20, 0.5, 1.5, 0.01), (300, 0.2, 0.5, 0.005), (4, 1.3, 3, 0.02), (80, 0.35, 2, 0.03), (8, 2.5, 1, 0.01), (1e4, 0.1, 0, 0.002)]):
        contexts = [4, 8, 16, 32, 64, 128, 256, 512, 960] if i % 2 == 0 else [3, 10, 31, 100, 310, 1000, 3100]
        law = (alpha / np.array(contexts)) ** beta + gamma
        series.append((f"noisy {i}", contexts, [round(float(x), 6) for x in law * np.exp(noise * rng.standard_normal(len(contexts)))]))
    # a model beyond the positions it was trained on: falls, then rises
    series.append(("rises at the end", [4, 8, 16, 32, 64, 128, 256, 512, 960], [5.6, 5.1, 4.7, 4.4, 4.2, 4.1, 4.2, 4.5, 4.6]))
    write("power-law.json", {"series": [{"name": n, "contexts": c, "losses": l, **fit(c, l)} for n, c, l in series]})


rouge()
stems()
squad()
power_law()
