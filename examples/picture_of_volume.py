"""The picture in the README: two sections of the demo's drawn volume with the salt found, and its largest body.

``python examples/picture_of_volume.py demo/salt/results docs/images/salt-volume.png`` after ``make demo``; needs the extra ``report``.
"""

import json
import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from PIL import Image

matplotlib.use("Agg")
SALT, INK = "#d79a2b", "#2a2521"


def surface(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and triangles (m, 3) of a binary PLY that Outcrop wrote."""
    content = path.read_bytes()
    end = content.index(b"end_header\n") + len(b"end_header\n")
    counts = {
        line.split()[1]: int(line.split()[2])
        for line in content[:end].decode().splitlines()
        if line.startswith("element")
    }
    vertices = np.frombuffer(content, "<f8", counts["vertex"] * 3, end).reshape(-1, 3)
    faces = np.frombuffer(content, np.dtype([("n", "u1"), ("rows", "<i4", 3)]), counts["face"], end + vertices.nbytes)
    return vertices, faces["rows"]


def main() -> None:
    """Draw the three panels."""
    results, out = Path(sys.argv[1]), Path(sys.argv[2])
    record = json.loads((results / "summary.json").read_text())
    entry = next(e for e in record["inputs"] if e["input"].endswith(".sgy"))
    volume = next(m for m in entry["measurements"] if m["name"] == "salt volume")
    figure = Figure(figsize=(11, 4.4), layout="constrained", facecolor="#faf7f1")
    for place, direction in enumerate(("inline", "crossline"), 1):
        axes = figure.add_subplot(1, 3, place)
        axes.imshow(Image.open(results / f"{entry['stem']}.{direction}.overlay.png"), aspect="auto")
        axes.set_title(f"middle {direction}, salt found", color=INK, fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
    vertices, faces = surface(results / f"{entry['stem']}.body-1.ply")
    centred = (vertices - vertices.mean(0)) * [1, 1, -1]
    body = figure.add_subplot(1, 3, 3, projection="3d", facecolor="#faf7f1")
    triangles = centred[faces]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    # The axis was turned over, and with it the sense of the triangles.
    light = -normals @ np.array([0.4, -0.5, 0.77]) / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    colours = np.clip(0.62 + 0.38 * light, 0, 1)[:, None] * np.array(matplotlib.colors.to_rgb(SALT))
    body.add_collection3d(Poly3DCollection(triangles, facecolors=colours, edgecolors="none", antialiased=False))
    for axis, values in zip("xyz", centred.T, strict=True):
        getattr(body, f"set_{axis}lim")(values.min(), values.max())
    body.set_box_aspect((1, 1, 0.8))
    body.set_axis_off()
    low, value, high = (v / 1e9 for v in (volume["low"], volume["value"], volume["high"]))
    body.set_title(f"largest body; all salt {value:.2f} km³ ({low:.2f} to {high:.2f})", color=INK, fontsize=11)
    figure.suptitle("Synthetic survey, drawn by Outcrop", color=INK, fontsize=11, fontweight="bold")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
