"""Token losses of a saved model by PyTorch transformers: reads {"folder", "tokens"} from stdin, writes a JSON list of nats, null first."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

request = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(request["folder"], dtype=torch.float32, attn_implementation="sdpa")
tokens = torch.tensor([request["tokens"]])
losses = []
with torch.no_grad():
    hidden = model.model(tokens).last_hidden_state[0]
    for start in range(0, len(hidden) - 1, 512):  # logits of all at once would take gigabytes
        end = min(start + 512, len(hidden) - 1)
        logits = model.lm_head(hidden[start:end])
        losses += torch.nn.functional.cross_entropy(logits, tokens[0, start + 1 : end + 1], reduction="none").tolist()
json.dump([None] + losses, sys.stdout)
