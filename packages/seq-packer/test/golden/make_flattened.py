"""Writes flattened.json: documents flattened into one row by transformers, for attention by segment. Run: python make_flattened.py > flattened.json"""
import json
import random

import transformers
from transformers import DataCollatorWithFlattening

random.seed(0)
collate = DataCollatorWithFlattening(return_seq_idx=True, return_tensors="np")
cases = []
for count in (1, 2, 5, 9):
    documents = [[random.randint(3, 999) for _ in range(random.randint(1, 8))] for _ in range(count)]
    row = {key: values[0].tolist() for key, values in collate([{"input_ids": own} for own in documents]).items()}
    cases.append({"documents": documents, **row})
print(json.dumps({"made": f"transformers {transformers.__version__}", "cases": cases}))
