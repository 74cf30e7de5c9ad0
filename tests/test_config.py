"""A configuration is wrong in one clear line, or complete."""

import copy
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from parsed import workflow_of
from snakemake.exceptions import WorkflowError

import protocols
import store
from config import environment
from config.check import ConfigError, check
from config.messages import shown_config
from config.schema import assembled, family_of
from measurements import forward
from options import SEED

ROOT = Path(__file__).parent.parent
GOOD = {"datasets": {"mnist5k": {"drop_patch": {"size": 14}, "add_noise": {"sigma": 0.2}}}, "methods": {"acsg": None}}


def changed(path: str, value) -> dict:
    """GOOD with the value at a dotted path replaced."""
    config = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    place = config
    for name in parents:
        if place.get(name) is None:
            place[name] = {}
        place = place[name]
    place[last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("datasets.mnits", {"add_noise": {"sigma": 0.1}}, "datasets.mnits: no such data set; did you mean mnist?"),
        ("datasets.mnist5k.drop_pach", {"size": 3}, "datasets.mnist5k.drop_pach: no such key; did you mean drop_patch?"),
        ("datasets.mnist5k.drop_independent", {"p": 1.0}, "datasets.mnist5k.drop_independent.p: 1.0 is"),
        ("datasets.mnist5k.drop_independent", {"p": -0.1}, "datasets.mnist5k.drop_independent.p: -0.1 is"),
        ("datasets.mnist5k.drop_independent", {"fill": 0}, "datasets.mnist5k.drop_independent.p: is missing"),
        ("datasets.mnist5k.drop_patch", {"size": 29}, "datasets.mnist5k.drop_patch: size 29 is larger than the image of 28×28"),
        ("datasets.mnist5k.add_noise", {"sigma": -1}, "datasets.mnist5k.add_noise.sigma: -1 is"),
        ("datasets.mnist5k.add_noise", {"sgima": 1}, "datasets.mnist5k.add_noise.sgima: no such key; did you mean sigma?"),
        ("methods.telae", {}, "methods.telae: no such method; did you mean telea?"),
        ("methods.acsg.train", {"stepz": 3}, "methods.acsg.train.stepz: no such key; did you mean steps?"),
        ("methods.acsg.restore", {"steps": 0}, "methods.acsg.restore.steps: 0 is"),
        ("methods.acsg.restore", {"loss": "pixels"}, "methods.acsg.restore.loss: 'pixels' is not one of"),
        ("methods.acsg.timing", {"restarts": 2}, "methods.acsg.timing.restarts: 2 is not of type 'array'"),
        ("methods.acsg.timing", {"restarts": [2, 0]}, "methods.acsg.timing.restarts.1: 0 is"),
        ("methods.acsg.timing", {"starts": [2]}, "methods.acsg.timing.starts: no such key"),
        ("methods.mine", {"folder": "/nowhere"}, "methods.mine.folder: /nowhere/rules.smk does not exist"),
        ("methods.mine", {"folder": str(ROOT / "methods/telea")}, "must be called mine"),
        ("methods.mine", {"like": "telae"}, "methods.mine.like: telae: no such method; did you mean telea?"),
        ("methods.mine", {"like": "telea", "restore": {"window": 3}}, "methods.mine.restore.window: no such key"),
        ("reference", "telea", "reference: telea is not among methods; there are acsg"),
        ("reference", 3, "reference: 3 is not of type"),
        ("seed", 1, "seed: no such key; did you mean seeds?"),
        ("protocol", "papre", "protocol: 'papre' is not one of ['sound', 'paper'] (How methods are trained"),
        ("protocol", ["mosiac"], "protocol: 'mosiac' is not one of ['fresh_theta', 'clean_selection', 'batch_statistics',"),
        ("protocol", ["mosaic", "mosaic"], "protocol: ['mosaic', 'mosaic'] has non-unique elements"),
        ("protocol", 3, "protocol: 3 is not"),
        ("seeds", [], "seeds: [] "),
        ("seeds", "0", "seeds: '0' is not of type 'array'"),
        ("seeds", {"mnits": [0]}, "seeds.mnits: no such data set; did you mean mnist?"),
        ("seeds", {"mnist5k": []}, "seeds.mnist5k: [] "),
        ("seeds", {"mnist5k": [-1]}, "seeds.mnist5k.0: -1 is less than"),
        ("seeds", {"mnist5k": 3}, "seeds.mnist5k: 3 is not of type 'array'"),
        ("images", {"mnits": {"train": 3}}, "images.mnits: no such data set; did you mean mnist?"),
        ("images", {"mnist5k": {"tets": 3}}, "images.mnist5k.tets: no such key; did you mean test?"),
        ("images", {"mnist5k": {"test": 0}}, "images.mnist5k.test: 0 is less than the minimum of 1 (How many test images"),
        ("images", {"mnist5k": 3}, "images.mnist5k: 3 is not of type 'object'"),
        ("images", {"pictures": {"test": 3}}, "images.pictures: the data set pictures is restored whole; remove"),
        ("methods.acsg.for", {"mnits": {}}, "methods.acsg.for.mnits: no such data set; did you mean mnist?"),
        ("methods.acsg.for", {"mnist5k": {"trian": {}}}, "methods.acsg.for.mnist5k.trian: no such key; did you mean train?"),
        (
            "methods.acsg.for",
            {"mnist5k": {"train": {"stepz": 3}}},
            "methods.acsg.for.mnist5k.train.stepz: no such key; did you mean steps?",
        ),
        ("methods.acsg.for", {"mnist5k": {"restore": {"steps": 0}}}, "methods.acsg.for.mnist5k.restore.steps: 0 is"),
        ("methods.acsg.restore", {"first_images": 0}, "methods.acsg.restore.first_images: 0 is less than the minimum of 1 (Only"),
        ("methods.acsg.restore", {"first": 3}, "methods.acsg.restore.first: no such key"),
        ("methods.acsg.train", {"first_images": 3}, "methods.acsg.train.first_images: no such key"),
    ],
)
def test_a_mistake_is_named_with_its_key(path, value, says):
    with pytest.raises(ConfigError) as error:
        check(changed(path, value))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_the_paper_s_protocol_has_a_folder_of_its_own_and_squares_off_the_last_edge():
    config = check(changed("protocol", "paper"))
    assert config["results"] == "results/paper_protocol"
    assert config["datasets"]["mnist5k"] == {"drop_patch": {"size": 14, "last_offset": False}, "add_noise": {"sigma": 0.2}}
    assert check(changed("protocol", "paper") | {"results": "elsewhere"})["results"] == "elsewhere/paper_protocol"


@pytest.mark.parametrize(
    ("asked", "protocol", "folder"),
    [
        ([], "sound", "results"),
        (["mosaic"], "mosaic", "results/protocol_mosaic"),
        (["mosaic", "fresh_theta"], "fresh_theta+mosaic", "results/protocol_fresh_theta+mosaic"),
        (list(protocols.SWITCHES), "paper", "results/paper_protocol"),
    ],
)
def test_a_protocol_of_some_switches_has_their_names_and_a_folder_of_its_own(asked, protocol, folder):
    config = check(changed("protocol", asked))
    assert (config["protocol"], config["results"]) == (protocol, folder)
    assert ("last_offset" in config["datasets"]["mnist5k"]["drop_patch"]) == (protocol == "paper")


def test_a_forward_model_s_key_is_its_family_with_or_without_a_suffix_and_the_longest_family_counts():
    assert (family_of("drop_patch_44"), family_of("drop_patch")) == ("drop_patch", "drop_patch")
    for family in forward.names():
        assert family_of(family) == family_of(f"{family}_x") == family
        options = forward.find(family).EXAMPLES[0]
        for key in (family, f"{family}_x"):
            check(GOOD | {"datasets": {"mnist5k": {key: options}}})
        with pytest.raises(ConfigError, match=rf"^datasets\.mnist5k\.{family}\.nonsense: no such key"):
            check(GOOD | {"datasets": {"mnist5k": {family: options | {"nonsense": 1}}}})


def test_a_trait_that_no_forward_model_has_is_named_with_its_file(tmp_path):
    (folder := tmp_path / "mine").mkdir()
    (folder / "rules.smk").touch()
    (folder / "method.yaml").write_text("applies: {msak: true}")
    with pytest.raises(
        ConfigError, match=r"mine/method\.yaml: applies\.msak: True: no such trait; there are mask, noise, mixing"
    ):
        check(changed("methods.mine", {"folder": str(folder)}))
    (folder / "method.yaml").write_text("restore: {first_images: {type: integer, default: 3, description: x}}")
    with pytest.raises(ConfigError, match=r"mine/method\.yaml: restore\.first_images: every method has this option already"):
        check(changed("methods.mine", {"folder": str(folder)}))
    (folder / "method.yaml").write_text("aplies: {mask: true}")
    with pytest.raises(ConfigError, match=r"mine/method\.yaml: aplies: no such key"):
        check(changed("methods.mine", {"folder": str(folder)}))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- a list", "holds a list, not keys; there are title, train"),
        ("title: 5", "title: 5 is a int, not a str"),
        ("applies: [mask]", "applies: ['mask'] is a list, not a dict"),
        ("seeded: 1", "seeded: 1 is a int, not a bool"),
        ("restore: {a: 3}", "restore.a: needs a description and a type, one of boolean, integer"),
        ("restore: {a: {type: nonsense, description: x}}", "restore.a: needs a description and a type"),
        ("restore: {a: {type: number, default: .nan, description: x}}", "restore.a: its default is nan; it must be a number"),
        ("restore: {a: {type: number, minimum: 0, default: -1, description: x}}", "restore.a: its default is -1; it must be"),
        ("title: a\ntitle: b", "line 2: the key title stands there a second time"),
        (b"title: \xff", "not valid YAML ('utf-8' codec can't decode"),
    ],
)
def test_what_a_method_says_of_itself_is_checked(content, says, tmp_path):
    (folder := tmp_path / "mine").mkdir()
    (folder / "rules.smk").touch()
    (folder / "method.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as error:
        check(changed("methods.mine", {"folder": str(folder)}))
    assert f"{folder / 'method.yaml'}: {says}" in str(error.value) and "\n" not in str(error.value)


def test_sound_is_the_default_and_changes_nothing():
    config = check(GOOD)
    assert (config["protocol"], config["results"]) == ("sound", "results")
    assert config["datasets"] == GOOD["datasets"]
    assert config == check(changed("protocol", "sound"))


def test_a_square_as_large_as_the_image_has_no_place_under_the_paper_s_protocol():
    whole = changed("datasets.mnist5k.drop_patch", {"size": 28})
    check(whole)
    with pytest.raises(
        ConfigError, match=r"^datasets\.mnist5k\.drop_patch: size 28 without the last offset has no place in the image of 28×28$"
    ):
        check(whole | {"protocol": "paper"})


def test_defaults_are_filled_in():
    config = check(GOOD)
    assert config["seeds"] == {"mnist5k": [0, 1, 2]} and config["images"] == {} and config["reference"] is None
    assert config["methods"]["acsg"]["restore"]["restarts"] == 2
    assert config["methods"]["acsg"]["train"]["batch_size"] == 64


@pytest.mark.parametrize("path", sorted([*ROOT.glob("config/*.yaml"), *ROOT.glob("reports/published/*/config.yaml")]), ids=str)
def test_every_shipped_configuration_is_right(path):
    if path.name != "schema.yaml":
        check(yaml.safe_load(path.read_text()))


def test_every_key_of_the_schema_is_described_and_bounded():
    def walk(schema, name):
        for key, part in {**schema.get("properties", {}), **schema.get("patternProperties", {})}.items():
            assert part.get("description"), f"{name}.{key} has no description"
            assert part.get("type") != "number" or {"minimum", "exclusiveMinimum"} & part.keys(), f"{name}.{key} has no bound"
            walk(part, f"{name}.{key}")
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], f"{name}.*")

    walk(assembled(), "")


def test_snakemake_stops_before_any_job(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(changed("datasets.mnist5k.add_noise", {"sigma": -1})))
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", ROOT / "Snakefile", "--configfile", wrong]
    run = subprocess.run([*command, "--directory", tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode != 0
    said = [line for line in (run.stdout + run.stderr).splitlines() if "sigma" in line]
    assert len(said) == 1 and said[0].startswith(
        "configuration: datasets.mnist5k.add_noise.sigma: -1 is less than the minimum of 0"
    )


def test_a_variant_has_the_options_of_its_method_and_a_title_of_its_own():
    methods = check(changed("methods.wide", {"like": "median", "title": "wide median", "restore": {"window": 5}}))["methods"]
    wide, median = methods["wide"], check(changed("methods.median", None))["methods"]["median"]
    assert wide == median | {"title": "wide median", "restore": {"window": 5}}
    assert (wide["folder"], wide["applies"], wide["learned"]) == (str(ROOT / "methods/median"), median["applies"], False)
    assert check(changed("methods.wide", {"like": "median"}))["methods"]["wide"]["title"] == "wide"


def test_no_text_of_the_configuration_that_is_shown_ends_a_script_and_each_is_the_same():
    title = r"a \</script> <!-- <b> \u003c/ é"
    shown = shown_config(check(changed("methods.wide", {"like": "median", "title": title})) | {"absent": {}})
    assert "</" not in shown and "<!" not in shown
    assert yaml.safe_load(shown)["methods"]["wide"]["title"] == title


def test_the_configuration_that_is_shown_has_every_title_that_was_given_and_no_other():
    given = {"as_measured": {"title": "[ours]"}, "median": None, "wide": {"like": "median", "title": "wide median"}}
    config = check(changed("methods", given))
    shown = yaml.safe_load(shown_config(config | {"absent": {}}))
    assert {name: method["title"] for name, method in shown["methods"].items() if "title" in method} == {
        "as_measured": "[ours]",
        "wide": "wide median",
    }
    again = check(shown)["methods"]
    assert {name: method["title"] for name, method in again.items()} == {n: m["title"] for n, m in config["methods"].items()}


@pytest.mark.parametrize(
    "methods",
    [
        {"median": {"title": "one"}, "telea": {"title": "one "}},
        {"median": None, "wide": {"like": "median", "title": "median filter"}},
        {"small": {"like": "median", "title": "one"}, "wide": {"like": "median", "title": "one"}},
        {"median": None, "mine": {"restored": "mine.npy", "title": "median filter"}},
    ],
)
def test_two_methods_of_one_title_are_named(methods):
    with pytest.raises(ConfigError) as raised:
        check(changed("methods", methods))
    first, second = methods
    assert str(raised.value).startswith(f"methods.{second}.title: ") and f" {first} too" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_numbers_may_come_as_text():
    """`--config` hands over text, and YAML reads 1e-4 as text."""
    given = {
        "datasets": {"mnist": {"add_noise": {"sigma": "0.2"}, "drop_patch": {"size": 14.0}}},
        "methods": {"ambient_vaegan_skip": {"train": {"steps": "7", "learning_rate": "1e-4", "share": "0.5"}}},
        "seeds": ["0", 1.0],
    }
    made = check(given)
    train = made["methods"]["ambient_vaegan_skip"]["train"]
    assert (train["steps"], train["learning_rate"], train["share"]) == (7, 1e-4, 0.5)
    assert isinstance(train["steps"], int)
    assert made["seeds"] == {"mnist": [0, 1]} and all(isinstance(seed, int) for seed in made["seeds"]["mnist"])
    assert made["datasets"]["mnist"] == {"add_noise": {"sigma": 0.2}, "drop_patch": {"size": 14}}


def test_numbers_for_one_data_set_may_come_as_text():
    over = {"mnist": {"train": {"steps": "7"}, "restore": {"first_images": "3"}}}
    given = GOOD | {"methods": {"acsg": {"for": over}}, "images": {"mnist": {"test": "5"}}, "seeds": {"mnist5k": ["2"]}}
    made = check(given)
    assert made["methods"]["acsg"]["for"] == {"mnist": {"train": {"steps": 7}, "restore": {"first_images": 3}}}
    assert (made["images"], made["seeds"]) == ({"mnist": {"test": 5}}, {"mnist5k": [2]})


def test_a_data_set_without_seeds_of_its_own_has_the_default():
    assert check(changed("seeds", {"mnist": [5]}))["seeds"] == {"mnist5k": [0, 1, 2]}


def test_what_is_said_of_a_data_set_that_does_not_run_does_no_harm():
    """So that a data set is taken out of a configuration by its lines below `datasets` alone."""
    over = {"celeba": {"train": {"steps": 3}}}
    config = check(GOOD | {"images": {"celeba": {"test": 9}}, "seeds": {"celeba": [0]}, "methods": {"acsg": {"for": over}}})
    assert config["methods"]["acsg"]["train"] == check(GOOD)["methods"]["acsg"]["train"]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"restore": {"first_images": 3}, "for": {"pictures": {"restore": {}}}}, "restore"),
        ({"for": {"pictures": {"restore": {"first_images": 3}}}}, "for.pictures.restore"),
    ],
)
def test_pictures_are_restored_whole(given, where):
    config = {"datasets": {"pictures": {"add_noise": {"sigma": 0.1}}}, "methods": {"median": given}}
    with pytest.raises(ConfigError) as error:
        check(config)
    assert str(error.value) == f"methods.median.{where}.first_images: the data set pictures is restored whole; remove the key"
    check(GOOD | {"methods": {"median": given if where == "restore" else None}})  # as of others a part may be


def test_a_batch_is_at_most_the_training_images_that_count():
    few = GOOD | {"images": {"mnist5k": {"train": 50}}}
    says = "methods.acsg.train.batch_size: is 64, and mnist5k has 50 training images; take fewer"
    with pytest.raises(ConfigError, match=f"^{says}$"):
        check(few | {"methods": {"acsg": None}})
    check(few | {"methods": {"acsg": {"train": {"batch_size": 50}}}})
    check(few | {"methods": {"acsg": {"for": {"mnist5k": {"train": {"batch_size": 50}}}}, "median": None}})


NAN, INF = float("nan"), float("inf")
NO_NUMBER = "is not a number to use; it must be finite and at most 4294967295"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        *(
            (f"datasets.mnist5k.drop_patch.{key}", value, NO_NUMBER)
            for key in ("fill", "size")
            for value in (NAN, INF, -INF, 1e10)
        ),
        ("datasets.mnist5k.add_noise.sigma", 1e9, "1000000000.0 is greater than the maximum of 10000"),
        ("methods.acsg.train.batch_size", 10**6, "1000000 is greater than the maximum of 162770"),
        ("methods.acsg.train.batch_size", 4001, "is 4001, and mnist5k has 4000 training images"),
        ("methods.acsg.train.steps", "nan", NO_NUMBER),
        ("methods.acsg.restore.learning_rate", NAN, NO_NUMBER),
        ("seeds", [10**24], f"seeds.0: {10**24} {NO_NUMBER}"),
        ("seeds", [0.5], "seeds.0: 0.5 is not of type 'integer'"),
        ("measurement_seed", "1e300", NO_NUMBER),
        ("methods.mine", {"like": "../methods/telea"}, "methods.mine.like: '../methods/telea' is not of the right form"),
        (
            "methods.mine",
            {"like": "telea", "title": "two\nlines"},
            "methods.mine.title: 'two\\nlines' is not of the right form (The row's name in",
        ),
        ("methods.mine", {"like": "telea", "title": " "}, "methods.mine.title: ' ' is not of the right form"),
        ("methods.mine", {"folder": "a{b}/mine"}, "methods.mine.folder: 'a{b}/mine' holds one of {}<>"),
        ("methods.mine", {"folder": "a/mine", "like": "telea"}, "methods.mine.like: its folder is named by `folder`; remove"),
        ("methods.acsg.model", "", "methods.acsg.model: is empty"),
        ("methods.acsg.model", "a{b}.pt", "methods.acsg.model: 'a{b}.pt' holds one of {}<>"),
        ("runtime", 525601, "runtime: 525601 is greater than the maximum of 525600"),
        ("datasets", {1: {}}, "datasets.1: a key must be text"),
        ("methods.acsg.train", {True: 1}, "methods.acsg.train.True: a key must be text"),
        ("results", "", "results: is empty"),
        ("results", "/", "results: '/' is a folder that holds other things"),
        ("results", "..", "results: '..' is a folder that holds other things"),
        ("results", "~", "results: '~' is a folder that holds other things"),
        ("results", "-x", "results: '-x' begins with a dash"),
        ("results", "./-x", "results: './-x' begins with a dash"),
        ("results", "a\nb", "results: 'a\\nb' holds a line break"),
        ("results", "a/{b}", "results: 'a/{b}' holds one of {}<>"),
        ("results", "<logs>", "results: '<logs>' holds one of {}<>"),
        ("results", "a\0b", "results: 'a\\x00b' holds a line break or another control character"),
        ("results", "~nobody such/x", "results: '~nobody such/x' names the home folder of a user who is not known here"),
        ("results", str(ROOT / "methods/acsg"), "is a folder that holds other things"),
        ("results", str(ROOT / "README.md"), "README.md' is a file; name a folder"),
        ("data_dir", str(ROOT / "README.md"), "README.md' is a file; name a folder"),
        ("data_dir", "-x", "data_dir: '-x' begins with a dash"),
        ("datasets.mnist5k", {"add_noise\n": {"sigma": 0.1}}, "datasets.mnist5k: the key 'add_noise\\n' holds a line break"),
        ("methods.acsg.train.steps", 10**400, f"methods.acsg.train.steps: a number of so many digits {NO_NUMBER}"),
        ("methods.acsg.train.steps", "1_0", "methods.acsg.train.steps: '1_0' is not of type 'integer'"),
        ("methods.mine", {"like": "telea", "title": "a\u2028b"}, "methods.mine.title: 'a\\u2028b' is not of the right form"),
        ("metric_weights.lpips", {"path": "{a}", "sha256": "0" * 64}, "metric_weights.lpips.path: '{a}' holds one of {}<>"),
    ],
)
def test_what_would_fail_in_a_job_is_refused_before(path, value, says):
    with pytest.raises(ConfigError) as error:
        check(changed(path, value))
    assert says in str(error.value) and str(error.value).startswith(path.split(".")[0])
    assert "\n" not in str(error.value)


def test_a_tilde_is_the_home_folder_once(monkeypatch):
    monkeypatch.setenv("HOME", "/home/~me")
    config = check(GOOD | {"results": "~/r é/", "data_dir": "~", "protocol": "sound"})
    assert (config["results"], config["data_dir"]) == ("/home/~me/r é", "/home/~me")
    assert check(GOOD | {"results": "a~/b"})["results"] == "a~/b"


def test_a_path_that_this_locale_cannot_write_is_named(monkeypatch):
    monkeypatch.setattr(os, "fsencode", lambda path: path.encode("latin-1"))
    assert check(GOOD | {"results": "é"})["results"] == "é"
    with pytest.raises(ConfigError, match="results: '日本' has letters that this locale .* lacks; set LC_ALL=C.UTF-8"):
        check(GOOD | {"results": "日本"})


def test_the_seeds_bound_is_that_of_commands():
    assert assembled()["properties"]["seeds"]["items"] == SEED
    assert assembled()["properties"]["measurement_seed"].items() >= SEED.items()


@pytest.mark.parametrize("text", ["seven", "7.5", ""])
def test_text_that_is_no_such_number_is_refused(text):
    given = {"datasets": {"mnist": {"add_noise": {"sigma": 0.2}}}, "methods": {"acsg": {"train": {"steps": text}}}}
    with pytest.raises(ConfigError, match=r"methods\.acsg\.train\.steps: .* is not of type 'integer'"):
        check(given)


def test_a_method_that_would_not_run_at_all_is_an_error(tmp_path):
    """It would vanish from the report without a word."""
    given = {"datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}}}, "methods": {"as_measured": None, "harmonic": None}}
    with (
        pytest.raises(
            WorkflowError, match=r"methods\.harmonic: it would not run at all; harmonic inpainting needs missing values"
        ),
        workflow_of(given, tmp_path),
    ):
        pass
    (tmp_path / "empty").mkdir()
    absent = given["datasets"] | {"celeba": {"drop_patch": {"size": 9}}}  # where it would run, were it there
    with workflow_of(given | {"datasets": absent, "data_dir": str(tmp_path / "empty")}, tmp_path) as workflow:
        assert {run.method for run in workflow.globals["RUNS"].of["mnist5k"]} == {"as_measured"}


def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("datasets:\n  mnist5k: {add_noise: {sigma: 0.2}}\nmethods: {telea: }\nseeds: [0]\nmethods: {median: }\n")
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", ROOT / "Snakefile", "--configfile", file]
    run = subprocess.run([*command, "--directory", tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode != 0
    assert f"configuration: {file}: line 5: the key methods stands there a second time" in run.stdout + run.stderr


def test_a_target_that_was_taken_for_a_configuration_is_named_with_the_right_command(tmp_path):
    """What of the results is a configuration to Snakemake: any .json, and config.yaml of a report, which would change nothing."""
    mine, results = tmp_path / "my run.yaml", tmp_path / "r"
    mine.write_text(yaml.safe_dump(GOOD | {"results": str(results)}))
    for target, content in {"report/config.yaml": GOOD, "measured/mnist5k/add_noise/test.json": {"dataset": "mnist5k"}}.items():
        (results / target).parent.mkdir(parents=True)
        (results / target).write_text(json.dumps(content))
        given = [os.path.relpath(path) for path in (mine, results / target)]
        with pytest.raises(WorkflowError) as error:
            environment.complete_config(GOOD | content | {"results": str(results)}, given)
        says = "was taken for a configuration, as --configfile takes several files; write"
        command = shlex.join(["--configfile", given[0], "--", given[1]])
        assert str(error.value) == f"{given[1]}: {says} `{command}`"
    own = results / "mine.yaml"  # one that lies there by intent, and alone
    own.write_text(yaml.safe_dump(GOOD))
    environment.complete_config(GOOD | {"results": str(results)}, [own])


@pytest.mark.parametrize("value", [5, ["a"], {"a": 1}])
def test_results_that_are_no_path_are_one_line(value):
    with pytest.raises(WorkflowError, match=r"^configuration: results: .* is not of type 'string'"):
        environment.complete_config(GOOD | {"results": value}, [])


def test_storage_that_is_no_file_system_is_refused():
    settings = SimpleNamespace(default_storage_provider="s3")
    with pytest.raises(
        WorkflowError, match=r"^--default-storage-provider s3: results must lie on a shared file system; leave this"
    ):
        environment.shared_files_alone(SimpleNamespace(storage_settings=settings))
    environment.shared_files_alone(SimpleNamespace(storage_settings=SimpleNamespace(default_storage_provider=None)))


def test_advice_to_make_a_file_repeats_the_configuration_of_the_run(monkeypatch, tmp_path):
    """What it says can be pasted into a shell, and Snakemake reads the same files and values out of it."""
    for name in ("BENCH_GPU", "CUDA_VISIBLE_DEVICES", "PATH", "PYTHONIOENCODING", "PYTHONPATH", store.SNAKEMAKE):
        monkeypatch.setenv(name, "0")
    mine = tmp_path / "my runs.yaml"
    settings = SimpleNamespace(configfiles=[mine], config={"seeds": [1, 2], "results": "a b"})
    environment.run_from(str(ROOT), check(GOOD), settings)
    words = shlex.split(store.making(Path("results/models/model.pt")))
    at = words.index("--configfile")
    assert Path(words[at + 1]).resolve() == mine and words[at + 2 :] == [
        "--config", "seeds=[1, 2]", "results=a b", "--", "results/models/model.pt"
    ]  # fmt: skip
