"""Hugging Face's tokenizers and datasets: JSONL to a file of ids, ids to rows, a tokenizer out of texts."""
import json
import tempfile
import time

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers


def texts_of(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def batches_of(texts, size=1000):
    batch = []
    for text in texts:
        batch.append(text)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def tokenize(case):
    tokenizer = Tokenizer.from_file(case["tokenizer"])
    tokens = 0

    def run():
        nonlocal tokens
        tokens = 0
        began = time.perf_counter()
        with tempfile.TemporaryFile() as out:
            for batch in batches_of(texts_of(case["path"])):
                for encoding in tokenizer.encode_batch_fast(batch):
                    ids = np.array(encoding.ids, np.uint16)
                    ids.tofile(out)
                    tokens += len(ids)
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: [tokens]


def stream(case):
    """Arrow on disk, mapped into memory; tokens laid end to end and cut into rows."""
    from datasets import Dataset, Features, Sequence, Value

    tokenizer = Tokenizer.from_file(case["tokenizer"])

    def documents():
        for batch in batches_of(texts_of(case["path"])):
            for encoding in tokenizer.encode_batch_fast(batch):
                yield {"input_ids": encoding.ids}

    cache = tempfile.TemporaryDirectory()
    features = Features({"input_ids": Sequence(Value("int32"))})
    dataset = Dataset.from_generator(documents, features=features, cache_dir=cache.name).with_format("numpy")
    length, rows = case["rowLength"], 0

    def run():
        nonlocal rows
        rows, rest = 0, np.zeros(0, np.int32)
        began = time.perf_counter()
        for _ in range(case["times"]):
            for batch in dataset.iter(batch_size=1000):
                tokens = np.concatenate([rest, *batch["input_ids"]])
                full = len(tokens) // length
                for row in tokens[: full * length].reshape(full, length):
                    rows += 1
                rest = tokens[full * length :]
            rows, rest = rows + (1 if len(rest) else 0), rest[:0]
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: [rows, len(cache.name) * 0]


def train(case):
    merges = 0

    def run():
        nonlocal merges
        began = time.perf_counter()
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=case["vocabularySize"],
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts_of(case["path"]), trainer)
        merges = len(json.loads(tokenizer.to_str())["model"]["merges"])
        return {"": (time.perf_counter() - began) * 1e3}

    return run, lambda: [merges]
