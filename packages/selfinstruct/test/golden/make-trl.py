"""What TRL's SFTTrainer makes of messages.jsonl: `make-trl.py messages.jsonl` prints trl.json. TRL 1.16.0, datasets 5.2.0, transformers 5.24.0.

A tokenizer of bytes and a model of one small layer stand in for real ones: what is looked at is how the rows are read, put into a chat template, and
which tokens have a loss (assistant_only_loss).
"""

import json
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
special = ["<|end|>", "<|user|>", "<|assistant|>"]
bytes_ = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
bytes_.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_, eos_token="<|end|>", pad_token="<|end|>", additional_special_tokens=special[1:])
tokenizer.chat_template = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ m['content'] }}{% endif %}{% endfor %}"
)
model = LlamaForCausalLM(
    LlamaConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=4096)
)
rows = load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=tempfile.mkdtemp())
settings = SFTConfig(output_dir=tempfile.mkdtemp(), assistant_only_loss=True, max_length=4096, use_cpu=True, report_to=[], bf16=False)
trainer = SFTTrainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
made = []
for row in trainer.train_dataset:
    answer = [label for label in row["labels"] if label != -100]
    made.append({"text": tokenizer.decode(row["input_ids"]), "learns": tokenizer.decode(answer)})
loss = float(trainer.compute_loss(model, trainer.data_collator([trainer.train_dataset[0]])))
print(json.dumps({"columns": rows.column_names, "rows": made, "lossIsFinite": loss == loss and loss < 100}, ensure_ascii=False, indent=2))
