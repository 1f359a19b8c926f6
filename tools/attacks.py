"""The numbered attacks and faults: what is expected, and which tests prove it, or why a number does not apply.

Run: python -m tools.attacks --write           writes docs/attacks.md
     python -m tools.attacks --run [NUMBER...]   runs the tests of these numbers (all), slow ones too
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "attacks.md"

KERAS = "export/test_hostile_keras_files.py"
DOWNLOAD = "weights/test_weights_download.py"
STORE = "weights/test_weights_store.py"
HUB = "weights/test_weights_hub.py"
ARCHIVE = "weights/test_weights_archive.py"
WHEEL = "weights/test_weights_wheel.py"
TORCH = "architectures/test_torch_file.py"
FORMATS = "architectures/test_weight_formats.py"
RESUME = "training/test_resume.py"
EXPORTS = "export/test_exports.py"

LINKS = "architectures/test_weight_loading.py::test_weights_that_lie_elsewhere_are_refused"
CODE = f"{KERAS}::test_what_runs_or_reads_is_refused_whatever_keras_allows"
PLAIN = f"{KERAS}::test_archives_that_are_not_plain_are_refused"


@dataclass(frozen=True)
class Row:
    """One attack or fault.

    Attributes:
        number: fixed for good.
        what: is done.
        expected: what zoo does then.
        tests: "file::test" below tests/, that prove it.
        reason: why there is no test.
    """

    number: int
    what: str
    expected: str
    tests: tuple[str, ...] = ()
    reason: str = ""


ROWS = (
    Row(1, "`.keras` file with a `Lambda` of Python code", "refused", (CODE,)),
    Row(2, "the same after `enable_unsafe_deserialization()`", "refused all the same", (CODE,)),
    Row(
        3, "whole-model `.h5` with a `Lambda`", "only its weights are read", (f"{FORMATS}::test_every_format_of_keras",)
    ),
    Row(4, "config that names functions such as `exec` or `save_model`", "refused", (CODE,)),
    Row(5, "config that names the class `subprocess.Popen`", "refused", (CODE,)),
    Row(6, "`TFSMLayer` with a path, by any of its names", "refused", (CODE,)),
    Row(7, "`TorchModuleWrapper`, `JaxLayer`", "refused", (CODE,)),
    Row(8, "lookup layers whose vocabulary is a file or an address", "refused", (CODE,)),
    Row(
        9,
        "config that describes giant layers",
        "refused before memory is taken",
        (f"{KERAS}::test_bombs_are_refused_with_little_memory",),
    ),
    Row(
        10,
        "names of layers with `../`; a folder in place of a file",
        "refused: only the four members are read, and never a folder",
        (PLAIN,),
    ),
    Row(11, "zip member `assets/../../x`", "refused", (PLAIN,)),
    Row(12, "zip bomb, overlapping, double, encrypted and linked members", "refused", (PLAIN,)),
    Row(13, "zip in a zip", "never unpacked", (PLAIN,)),
    Row(
        14,
        "tar with paths out, links, devices, swarms and sizes",
        "the whole archive is refused",
        (
            f"{ARCHIVE}::test_hostile_tar_members",
            f"{ARCHIVE}::test_a_link_then_a_file_through_it",
            f"{ARCHIVE}::test_too_many_and_too_much",
        ),
    ),
    Row(15, "HDF5 that declares 400 GB", "refused", (f"{KERAS}::test_bombs_are_refused_with_little_memory",)),
    Row(16, "HDF5 with external storage", "refused", (LINKS,)),
    Row(17, "HDF5 with links to other files", "refused", (LINKS,)),
    Row(18, "the same files through `tf_keras`", "never used", reason="zoo imports no tf_keras"),
    Row(19, "npz with pickled objects", "refused", (f"{FORMATS}::test_objects_in_an_npz_are_refused",)),
    Row(
        20,
        "safetensors headers that lie",
        "refused",
        (
            f"{FORMATS}::test_headers_of_safetensors_are_checked",
            f"{FORMATS}::test_a_header_without_end_is_refused_unread",
        ),
    ),
    Row(21, "safetensors with double keys", "refused", (f"{FORMATS}::test_headers_of_safetensors_are_checked",)),
    Row(
        22,
        "tensor names with parts of paths",
        "never used as a path",
        reason="they are keys of a dictionary; no file is written by them",
    ),
    Row(
        23,
        "NaN and infinite weights",
        "training stops, a state dict is refused",
        (
            f"{RESUME}::test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint",
            f"{TORCH}::test_every_number_of_a_tensor_is_checked",
        ),
    ),
    Row(
        24,
        "one bit flipped in a weight file",
        "refused by its sha256",
        (f"{DOWNLOAD}::test_a_flipped_byte_is_refused",),
    ),
    Row(
        25,
        "right sha256, wrong shapes",
        "one error, nothing is assigned",
        (f"{FORMATS}::test_a_misfit_names_layer_expected_and_found_shape",),
    ),
    Row(
        26,
        "cut and empty files",
        "said to be damaged",
        (f"{KERAS}::test_damaged_files_give_errors_of_zoo", f"{EXPORTS}::test_damaged_files_are_one_clear_error"),
    ),
    Row(
        27,
        "SavedModel",
        "code: opened with trust only",
        (f"{EXPORTS}::test_a_saved_model_is_code_and_opened_only_when_trusted",),
    ),
    Row(
        28,
        "pickles",
        "state dicts through the restricted reader, all else refused",
        (
            f"{TORCH}::test_code_in_any_pickle_is_refused_and_not_run",
            f"{TORCH}::test_only_the_three_harmless_names_are_known",
        ),
    ),
    Row(
        29,
        "repository of a hub with Python files",
        "never fetched: one named file is",
        ("export/test_hub.py::test_what_was_pushed_is_loaded_by_its_commit_and_answers_the_same",),
    ),
    Row(
        30,
        "hostile ETag",
        "never a part of a path",
        (f"{HUB}::test_a_hostile_etag_names_no_file_and_vouches_for_nothing",),
    ),
    Row(31, "hostile `X-Repo-Commit`", "refused", (f"{HUB}::test_another_commit_than_the_one_asked_for_is_refused",)),
    Row(
        32,
        "names of files, revisions and repositories that lead elsewhere",
        "refused",
        (f"{HUB}::test_names_that_lead_elsewhere", "export/test_hub.py::test_names_that_are_none"),
    ),
    Row(
        33,
        "redirects to http, files, this machine, in a circle",
        "refused; no token to another host",
        (
            f"{DOWNLOAD}::test_to_odd_places_is_refused",
            f"{DOWNLOAD}::test_to_another_server_loses_the_credentials",
            f"{DOWNLOAD}::test_from_https_to_http_is_refused",
            f"{DOWNLOAD}::test_in_a_circle_is_given_up",
        ),
    ),
    Row(34, "`file://` as the address of a source", "refused", (f"{DOWNLOAD}::test_only_https_addresses_are_fetched",)),
    Row(
        35,
        "Content-Length that lies, endless bodies",
        "cut at the registered size, refused",
        (
            f"{DOWNLOAD}::test_a_length_that_is_not_the_registered_one_is_refused_unread",
            f"{DOWNLOAD}::test_an_endless_body_is_cut_at_the_registered_size",
        ),
    ),
    Row(
        36,
        "gzip bomb as Content-Encoding",
        "refused, never unpacked",
        (f"{DOWNLOAD}::test_a_compressed_answer_is_refused_and_never_unpacked",),
    ),
    Row(
        37,
        "revision or address with other bytes than at first",
        "refused, the kept copy serves on",
        (
            f"{HUB}::test_other_bytes_than_the_pinned_ones_are_refused",
            "export/test_hub.py::test_a_branch_that_moves_moves_no_load",
            f"{STORE}::test_new_bytes_at_the_old_address_do_not_touch_the_kept_copy",
        ),
    ),
    Row(38, "wheel as a source of weights", "never imported", (f"{WHEEL}::test_the_real_lite0",)),
    Row(
        39,
        "wheel changed after it was installed",
        "refused",
        (f"{WHEEL}::test_a_file_changed_after_installation_is_refused_even_without_a_digest_in_the_row",),
    ),
    Row(
        40,
        "plugin that raises, exits, takes names, lies",
        "breaks only what it provides",
        (
            "plugin/test_manager.py::test_a_broken_plugin_breaks_only_what_it_provides",
            f"{EXPORTS}::test_the_format_of_a_plugin_is_used_checked_and_opened",
        ),
    ),
    Row(
        41,
        "Markdown, HTML and YAML in names on a card",
        "escaped",
        ("reporting/test_card.py::test_foreign_text_stays_text",),
    ),
    Row(
        42,
        "cache folder of others, or open to them",
        "warned of",
        (f"{STORE}::test_a_folder_others_can_write_to_is_warned_of", f"{STORE}::test_a_new_folder_is_private"),
    ),
    Row(
        43,
        "token in errors, logs, addresses",
        "never shown",
        (
            f"{HUB}::test_a_wrong_token_never_shows",
            "export/test_hub.py::test_a_private_repository_wants_the_token_which_never_shows",
        ),
    ),
    Row(
        44,
        "label files with swarms and control characters",
        "limited, written out",
        (f"{KERAS}::test_json_that_swells_is_refused",),
    ),
    Row(
        45,
        "image bombs, cut and odd pictures",
        "skipped and reported",
        (
            "data/test_data_images.py::test_decompression_bomb_is_refused_by_its_header",
            "data/test_data_images.py::test_damaged_bytes_give_an_image_or_a_data_error",
        ),
    ),
    Row(46, "webdataset `pipe:` addresses", "not read", reason="zoo reads no webdataset"),
    Row(
        47,
        "kill -9 during a download",
        "resumed, whole",
        (f"{STORE}::test_three_rounds", f"{STORE}::test_twenty_five_rounds_at_random_places"),
    ),
    Row(
        48,
        "dropped lines, no ranges, 416, files that change midway",
        "resumed or started again, never mixed",
        (
            f"{DOWNLOAD}::test_a_dropped_connection_is_resumed",
            f"{DOWNLOAD}::test_a_file_that_changes_midway_is_never_mixed",
            f"{DOWNLOAD}::test_416_starts_again",
        ),
    ),
    Row(
        49,
        "429, 5xx, no name, TLS, slow answers",
        "tried again for a while, then one error",
        (
            f"{DOWNLOAD}::test_a_server_that_is_busy_is_asked_again",
            f"{DOWNLOAD}::test_a_server_that_dribbles_is_given_up",
        ),
    ),
    Row(
        50,
        "full disk, read-only cache",
        "one error, the cache stays good",
        (f"{STORE}::test_a_disk_that_fills_up", f"{STORE}::test_a_read_only_store_still_serves"),
    ),
    Row(
        51,
        "many processes and threads fetch one file",
        "one transfer",
        (f"{STORE}::test_threads_and_processes_share_one_transfer",),
    ),
    Row(
        52,
        "holder of a lock killed",
        "the next goes on",
        (f"{STORE}::test_a_waiter_goes_on_when_the_holder_is_killed",),
    ),
    Row(
        53,
        "cache entry removed or cut by hand",
        "noticed, fetched again",
        (f"{STORE}::test_a_lost_or_cut_blob_is_fetched_again",),
    ),
    Row(
        54,
        "`verify` or `gc` killed half-way",
        "safe to run again",
        reason="each step is one unlink or one rename, and what is left is what the next run finds",
    ),
    Row(55, "kill -9 during a checkpoint", "the newest one is whole", (f"{RESUME}::test_kill_9_at_random_moments",)),
    Row(
        56,
        "resume",
        "equals the run that was not interrupted, bit for bit",
        (f"{RESUME}::test_a_run_cut_three_times_ends_as_one_that_was_not",),
    ),
    Row(57, "checkpoint of another model or version", "refused", (f"{RESUME}::test_what_cannot_go_on_is_refused",)),
    Row(58, "SIGTERM", "saved, exit code 143", (f"{RESUME}::test_sigterm_saves_and_ends_with_143",)),
    Row(
        59,
        "NaN loss",
        "stops with the last good checkpoint",
        (f"{RESUME}::test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint",),
    ),
    Row(
        60,
        "extraction killed",
        "only missing shards are computed again",
        ("features/test_cache.py::test_a_kill_costs_at_most_the_shards_in_work",),
    ),
    Row(
        61,
        "one damaged image among many",
        "reported, the others are done",
        ("data/test_data_images.py::test_errors_name_the_file_and_the_reason",),
    ),
    Row(
        62,
        "model, preprocessing or version changes",
        "the cache misses",
        ("features/test_cache.py::test_what_makes_a_miss",),
    ),
    Row(
        63,
        "export",
        "answers as predict, in a batch and alone",
        (
            f"{EXPORTS}::test_an_exported_file_answers_as_predict_does",
            f"{EXPORTS}::test_what_answers_otherwise_is_not_written",
            f"{EXPORTS}::test_a_killed_export_leaves_no_half_file_and_the_next_one_clears_up",
        ),
    ),
    Row(
        64,
        "no network",
        "what is here works, what is not is named",
        (
            f"{HUB}::test_offline_asks_nobody",
            "export/test_hub.py::test_a_cached_model_loads_offline_and_another_one_says_what_is_missing",
        ),
    ),
    Row(
        65,
        "clock that jumps",
        "no lock or age depends on it alone",
        (f"{STORE}::test_it_is_hashed_again_when_it_changes_even_if_its_times_do_not",),
    ),
    Row(
        66,
        "ONNX file whose weights lie in another file",
        "refused: it is given to ONNX Runtime as bytes",
        (f"{EXPORTS}::test_an_onnx_file_cannot_read_others",),
    ),
    Row(
        67,
        "requests to the server that are too large, damaged or no pictures",
        "one JSON error each, it goes on",
        ("serving/test_serving.py::test_each_fault_is_one_clear_json_error",),
    ),
    Row(
        68, "kill -9 during a push", "no half commit", ("export/test_hub.py::test_a_killed_push_leaves_no_half_commit",)
    ),
)


@cache
def tests_in(file: str) -> frozenset[str]:
    """Return the names of the tests of a file below tests/."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"
    )


def missing() -> list[str]:
    """Return the tests that are named and do not exist."""
    names = [test for row in ROWS for test in row.tests]
    return [test for test in names if test.partition("::")[2] not in tests_in(test.partition("::")[0])]


def page() -> str:
    """Return the page."""
    lines = [
        "# Attacks and faults, by number",
        "",
        "What is done to zoo, what it does then, and which tests prove it. `python -m tools.attacks --write` makes it",
        "from its table, which a test holds to the tests that exist; `python -m tools.attacks --run 24 63` runs those",
        "of some numbers. The model of threats is in [SECURITY.md](../SECURITY.md).",
        "",
        "| no. | attack or fault | expected | tests |",
        "|---|---|---|---|",
    ]
    for row in ROWS:
        proof = "<br>".join(f"`{test}`" for test in row.tests) or f"none: {row.reason}"
        lines.append(f"| {row.number} | {row.what} | {row.expected} | {proof} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or run the tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--run", nargs="*", type=int)
    options = parser.parse_args()
    if options.write:
        PAGE.write_text(page(), encoding="utf-8")
        print(PAGE)
    if options.run is None:
        return 0
    rows = [row for row in ROWS if not options.run or row.number in options.run]
    files = sorted({f"tests/{test.partition('::')[0]}" for row in rows for test in row.tests})
    names = " or ".join(sorted({test.partition("::")[2] for row in rows for test in row.tests}))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or soak or not slow", *files, "-k", names]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
