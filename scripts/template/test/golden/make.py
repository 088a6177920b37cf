"""Makes numpy.json. Run in this folder: python make.py (numpy 2.4.6)."""
import json

import numpy as np

x = np.random.default_rng(1).uniform(-100, 100, (7, 3)).round(3)
y = np.cumsum(x, axis=0) / np.arange(1, 8)[:, None]
with open("numpy.json", "w") as file:
    json.dump({"numpy": np.__version__, "x": x.tolist(), "y": y.ravel().tolist()}, file)
    file.write("\n")
