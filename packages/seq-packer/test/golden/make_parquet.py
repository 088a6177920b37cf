"""Writes parquet.json and trl.parquet: what Python makes of our rows, and rows that Python packed.

pip install trl==1.16.0 datasets==5.2.0 (transformers 5.24.0, torch 2.15.0, pyarrow 26.0.1); npx tsx in the repository
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import torch
import transformers
import trl
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

here = Path(__file__).parent
with tempfile.TemporaryDirectory() as folder:
    write = ["npx", "tsx", "--conditions=@repo/source", "write-rows.ts", folder]
    subprocess.run(write, cwd=here, check=True, stdout=sys.stderr)
    table = pyarrow.parquet.read_table(f"{folder}/rows.parquet")
    rows = datasets.load_dataset("parquet", data_files=f"{folder}/rows.parquet", split="train", cache_dir=f"{folder}/cache")
    # with a cache transformers does not look for positions that restart, and segments would see each other
    model = lambda: transformers.AutoModelForCausalLM.from_pretrained(
        f"{folder}/model", dtype=torch.float32, attn_implementation="sdpa", use_cache=False
    )

    # transformers' own trainer, one step of all rows, with nothing said about the columns
    arguments = transformers.TrainingArguments(
        f"{folder}/run", max_steps=1, per_device_train_batch_size=len(rows), use_cpu=True, report_to=[], learning_rate=1e-3
    )
    trained = transformers.Trainer(model=model(), args=arguments, train_dataset=rows).train()

    # what TRL's collator hands to a model: all rows in one sequence
    flat = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([dict(row) for row in rows])
    with torch.no_grad():
        padding_free = model()(**{key: flat[key] for key in ["input_ids", "position_ids", "labels"]}).loss.item()

    documents = [list(range(start, start + length)) for start, length in [(1, 5), (10, 2), (20, 6), (30, 1)]]
    packed = trl.pack_dataset(datasets.Dataset.from_dict({"input_ids": documents}), seq_length=8, strategy="bfd")
    packed.to_parquet(here / "trl.parquet")
    golden = {
        "versions": {"trl": trl.__version__, "datasets": datasets.__version__, "pyarrow": pyarrow.__version__,
                     "transformers": transformers.__version__, "torch": torch.__version__},
        "schema": {field.name: str(field.type) for field in table.schema},
        "rows": rows.to_dict(),
        "trainerLoss": trained.training_loss,
        "paddingFreeLoss": padding_free,
        "trl": packed.to_dict(),
    }
    assert table.to_pydict() == golden["rows"]
(here / "parquet.json").write_text(json.dumps(golden))
print({key: golden[key] for key in ["versions", "schema", "trainerLoss", "paddingFreeLoss", "trl"]})
