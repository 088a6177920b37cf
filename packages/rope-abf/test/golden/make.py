"""
Writes the inverse frequencies that transformers computes for the configs of configs.json. Run once for each major version (torch 2.15):
    python make.py > transformers-5.json        # with transformers 5.24.0
    python make.py > transformers-4.json        # with transformers 4.57.6: only the configs this package writes
"""
import importlib
import json
import sys

import transformers
from transformers import CONFIG_MAPPING
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

five = int(transformers.__version__.split(".")[0]) >= 5
package = {"gemma3_text": "gemma3"}


def frequencies(case):
    """(inv_freq, attention factor) of the rotary embedding that the model class builds from the config."""
    config = CONFIG_MAPPING[case["config"]["model_type"]](**{k: v for k, v in case["config"].items() if k != "model_type"})
    name = package.get(config.model_type, config.model_type)
    module = importlib.import_module(f"transformers.models.{name}.modeling_{name}")
    rotary = next(value for key, value in vars(module).items() if key.endswith("RotaryEmbedding"))(config)
    if "layerType" in case:
        layer = case["layerType"]
        return getattr(rotary, f"{layer}_inv_freq"), getattr(rotary, f"{layer}_attention_scaling")
    if "sequenceLength" in case:
        return ROPE_INIT_FUNCTIONS[rotary.rope_type](config, None, seq_len=case["sequenceLength"])
    return rotary.inv_freq, rotary.attention_scaling


def main():
    cases = json.load(open("configs.json"))
    wanted = {**cases["read"], **cases["written"]} if five else {k: v for k, v in cases["written"].items() if "proportional" not in k}
    rows = []
    for name, case in wanted.items():
        inv_freq, factor = frequencies(case)
        # nine digits carry a float32
        values = ", ".join(f"{x:.9g}" for x in inv_freq.tolist())
        rows.append(f'    {json.dumps(name)}: {{"attentionFactor": {float(factor)!r}, "inverseFrequencies": [{values}]}}')
    body = ",\n".join(rows)
    sys.stdout.write(f'{{\n  "transformers": "{transformers.__version__}",\n  "cases": {{\n{body}\n  }}\n}}\n')


main()
