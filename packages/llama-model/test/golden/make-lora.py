"""Opens the models and adapters that save-lora.ts wrote with transformers and PEFT, and writes what they compute to peft.json; and an
adapter as PEFT itself saves it, for the model 'attention', to peft-saved/.
Run: npx tsx --conditions=@repo/source save-lora.ts FOLDER && python make-lora.py FOLDER && pnpm fix
Library versions stand in the json. float32, CPU, eager attention."""
import hashlib
import json
import pathlib
import sys

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

here = pathlib.Path(__file__).parent
source = pathlib.Path(sys.argv[1])
inputs = json.loads((source / "inputs.json").read_text())
torch.set_num_threads(1)


def numbers(t):
    return [float(f"{x:.8g}") for x in t.detach().double().flatten()]


def probe(length):
    return torch.tensor([(i * 37) % 11 - 5 for i in range(length)], dtype=torch.float64)


def gradients(model):
    """Two numbers for each A and B: its gradient's norm, and its product with a fixed pattern."""
    result = {}
    for name, p in model.named_parameters():
        if "lora_" in name:
            g = p.grad.double().flatten()
            name = name.removeprefix("base_model.model.").replace(".default", "")
            result[name] = [float(f"{g.norm():.8g}"), float(f"{g @ probe(len(g)):.8g}")]
    return result


def base(name):
    return AutoModelForCausalLM.from_pretrained(source / name, attn_implementation="eager", dtype=torch.float32)


def sha256(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def case(name):
    files = sha256(source / f"{name}-lora")
    model = PeftModel.from_pretrained(base(name), source / f"{name}-lora", is_trainable=True).eval()
    tokens = torch.tensor(inputs["tokens"][name])
    logits = model(tokens).logits
    loss = model(tokens, labels=tokens).loss
    loss.backward()
    merged = PeftModel.from_pretrained(base(name), source / f"{name}-lora").merge_and_unload()
    torch.testing.assert_close(merged(tokens).logits, logits, rtol=1e-4, atol=1e-5)
    return {"files": files, "logits": numbers(logits[0]), "loss": loss.item(), "gradients": gradients(model)}


def saved_by_peft():
    torch.manual_seed(0)
    config = LoraConfig(r=2, lora_alpha=3, target_modules=["o_proj", "up_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    model = get_peft_model(base("attention"), config).eval()
    model.save_pretrained(here / "peft-saved")
    (here / "peft-saved" / "README.md").unlink()
    path = here / "peft-saved" / "adapter_config.json"
    saved = json.loads(path.read_text()) | {"base_model_name_or_path": "model"}  # a temporary folder of this machine
    path.write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    return {"logits": numbers(model(torch.tensor(inputs["tokens"]["attention"])).logits[0])}


result = {
    "made": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}, float32, CPU, eager attention",
    "cases": {name: case(name) for name in inputs["tokens"]},
    "saved": saved_by_peft(),
}
(here / "peft.json").write_text(json.dumps(result) + "\n")
