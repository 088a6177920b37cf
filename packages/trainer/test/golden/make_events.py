"""Writes events.json: TensorBoard's own records of some events. Run: python make_events.py > events.json"""
import base64
import io
import json
import tensorboard
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class Kept(io.BytesIO):
    """RecordWriter wants a name; what is written stays readable."""

    name = "events"


def record(event):
    kept = Kept()
    writer = RecordWriter(kept)
    writer.write(event.SerializeToString())
    return base64.b64encode(kept.getvalue()).decode()


def scalars(*pairs):
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in pairs])


print(json.dumps({
    "made": f"tensorboard {tensorboard.__version__}",
    "records": [
        record(Event(wall_time=1764000000.25, file_version="brain.Event:2")),
        record(Event(wall_time=1764000001.5, step=1, summary=scalars(("loss", 3.25)))),
        record(Event(wall_time=1764000002.125, step=2**40 + 300, summary=scalars(("loss", 0.1), ("Verlust/Prüfung", float("nan")), ("rate", -1e-30)))),
        record(Event(wall_time=1764000003.0, step=7, session_log=SessionLog(status=SessionLog.START))),
    ],
}, indent=1))
