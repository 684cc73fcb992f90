"""A person's own folder of images: what is read, in which order, and what is refused in one sentence."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from backends.api.errors import BadInput
from backends.data import _images, folder


def small(image):
    """4 x 4 colour pictures, as a model's processor would make them."""
    return np.asarray(image.convert("RGB").resize((4, 4)))


def put(place, colour, name="a.png", size=(6, 5)):
    place.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(place / name)


@pytest.fixture
def split(tmp_path):
    """Cats are red, dogs green; three to learn from and one to test with each."""
    for name, colour in (("cat", (200, 0, 0)), ("dog", (0, 200, 0))):
        for number in range(3):
            put(tmp_path / "train" / name, colour, f"{number}.png")
        put(tmp_path / "test" / name, colour)
    return tmp_path


def test_train_and_test_folders_are_read_in_sorted_order(split):
    data = folder.load(split, small)
    assert data.names == ["cat", "dog"]
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1] and data.test.labels.tolist() == [0, 1]
    assert data.train.images.shape == (6, 4, 4, 3) and data.train.images.dtype == np.uint8
    assert data.test.images[0, 0, 0].tolist() == [200, 0, 0] and data.test.images[1, 0, 0].tolist() == [0, 200, 0]


def test_one_in_five_is_kept_for_testing_and_always_the_same(tmp_path):
    for name in ("cat", "dog"):
        for number in range(10):
            put(tmp_path / name, (number, 0, 0), f"{number}.png")
    first, again = folder.load(tmp_path, small), folder.load(tmp_path, small)
    assert len(first.train) == 16 and first.test.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(first.test.images, again.test.images)
    shown = {int(image[0, 0, 0]) for image in first.train.images[:8]}
    tested = {int(image[0, 0, 0]) for image in first.test.images[:2]}
    assert shown | tested == set(range(10)) and not shown & tested


def test_the_models_own_order_is_taken_where_the_names_match(split):
    data = folder.load(split, small, ["Dog", "Cat"])
    assert data.names == ["dog", "cat"] and data.test.images[0, 0, 0].tolist() == [0, 200, 0]


def test_a_model_without_class_names_takes_the_sorted_folders(split):
    assert folder.load(split, small, ["LABEL_0", "LABEL_1"]).names == ["cat", "dog"]


def fill(place, names=("alpha", "beta"), count=10):
    for name in names:
        for number in range(count):
            put(place / name, (20 * number, 9, 9), f"{number}.png")
    return place


# what people's folders are like: (how it is made, the model's classes, training and test images, names, what is said of it)
LAYOUTS = {
    "litter of file managers": (
        lambda at: [(fill(at) / "alpha" / name).write_bytes(b"\xd0") for name in ("Thumbs.db", "desktop.ini", "._1.png")],
        [], 16, 4, ["alpha", "beta"], "",
    ),
    "a folder that a zip file brought": (
        lambda at: put(fill(at) / "__MACOSX" / "alpha", "red"), [], 16, 4, ["alpha", "beta"], "",
    ),
    "train and val": (
        lambda at: (fill(at / "train"), fill(at / "val", count=3)), [], 20, 6, ["alpha", "beta"],
        "val is read as the images to test with.",
    ),
    "train, val and test": (
        lambda at: (fill(at / "train"), fill(at / "val", count=3), fill(at / "test", count=2)), [], 20, 4,
        ["alpha", "beta"], "val is not used.",
    ),
    "train alone": (
        lambda at: fill(at / "train"), [], 16, 4, ["alpha", "beta"], "one in five of train is kept for that",
    ),
    "accents as a Mac writes them": (
        lambda at: fill(at, [unicodedata.normalize("NFD", name) for name in ("café", "über")]), ["über", "café"], 16, 4,
        ["über", "café"], "",
    ),
    "images one folder lower": (
        lambda at: fill(fill(at) / "alpha", ("more",), 30), [], 40, 10, ["alpha", "beta"],
        "30 images in folders within the class 'alpha' are read as images of it.",
    ),
    "names that no folder can have": (
        lambda at: fill(at, ["CD_DVD", "hot_dog"]), ["hot dog", "CD/DVD"], 16, 4, ["hot_dog", "CD_DVD"], "",
    ),
    "two of many classes, one by its second name": (
        lambda at: fill(at, ["Tinca tinca", "beta"]), ["alpha", "tench, Tinca tinca", "beta", "gamma"], 16, 4,
        ["alpha", "Tinca tinca", "beta", "gamma"], "It has images of 2 of the model's 4 classes; the others are not measured.",
    ),
    "classes without names": (
        lambda at: fill(at, list(map(str, range(11))), 2), [f"LABEL_{n}" for n in range(11)], 11, 11,
        sorted(map(str, range(11))), "in the order of their text: class 0 is '0', 1 is '1', 2 is '10'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_as_people_have_it_is_read_and_what_was_made_of_it_is_said(tmp_path, layout):
    make, model_names, train, test, names, says = LAYOUTS[layout]
    make(tmp_path)
    data = folder.load(tmp_path, small, model_names)
    assert (len(data.train), len(data.test), data.names) == (train, test, names)
    assert says in " ".join(data.notes) and bool(says) == bool(data.notes)


def test_the_labels_of_some_of_many_classes_are_the_model_s(tmp_path):
    fill(tmp_path, ["tench", "beta"])
    data = folder.load(tmp_path, small, ["alpha", "tench, Tinca tinca", "beta", "gamma"])
    assert sorted(set(data.train.labels)) == [1, 2]


def test_how_many_pictures_were_changed_is_said(tmp_path):
    fill(tmp_path)
    for number in range(3):
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "alpha" / f"{number}.png")
    Image.new("I;16", (4, 4), 300).save(tmp_path / "beta" / "1.png")
    said = folder.load(tmp_path, small).notes
    assert said == (
        "3 of its pictures have transparent parts, which lie on white.",
        "1 of its pictures hold more than 8 bits a value, which were scaled to 8.",
    )


@pytest.mark.parametrize(
    ("make", "model_names", "says"),
    [
        (lambda at: [fill(at / name) for name in ("alpha", "beta")], [], "'alpha' holds no images but folders of them .as 'alpha'"),
        (lambda at: fill(at, ["crane", "beta"]), ["crane", "crane", "beta"], "The folder 'crane' is no class of the model"),
        (lambda at: fill(at, ["tench", "Tinca tinca"]), ["tench, Tinca tinca", "beta"], "Two folders of .* are the same class"),
    ],
)  # fmt: skip
def test_a_folder_that_may_mean_two_things_is_refused(tmp_path, make, model_names, says):
    make(tmp_path)
    refused(tmp_path, says, model_names)


def test_hidden_files_are_left_out(split):
    (split / "train" / "cat" / ".DS_Store").write_bytes(b"x")
    (split / "train" / ".git").mkdir()
    assert len(folder.load(split, small).train) == 6


def refused(place, match, names=()):
    with pytest.raises(BadInput, match=match) as caught:
        folder.load(place, small, names)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_missing_folder(tmp_path):
    refused(tmp_path / "nowhere", "There is no folder .*nowhere")


def test_a_folder_without_classes(tmp_path):
    refused(tmp_path, "holds no class folders")


def test_a_folder_with_one_class(tmp_path):
    put(tmp_path / "cat", "red")
    refused(tmp_path, "holds only the class 'cat'")


def test_a_class_without_images(split):
    (split / "test" / "cat" / "a.png").unlink()
    refused(split, "The class 'cat' in .*test holds no images")


def test_a_class_with_a_single_image_and_no_test_folder(tmp_path):
    put(tmp_path / "cat", "red")
    put(tmp_path / "dog", "green")
    refused(tmp_path, "The class 'cat' holds one image; at least two are needed")


def test_classes_that_differ_between_train_and_test(split):
    put(split / "test" / "bird", "blue")
    refused(split, "train and test hold different classes .'bird'")


def test_a_file_that_is_no_image_is_named(split):
    (split / "train" / "dog" / "notes.txt").write_text("hello")
    refused(split, "notes.txt is no image that can be read")


def test_a_damaged_image_is_named(split):
    path = split / "train" / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:40])
    refused(split, r"0\.png is no image that can be read")


def test_the_wrong_number_of_classes(split):
    refused(
        split, "tells 3 classes apart, but .* holds 2; as its classes have no names", ["LABEL_0", "LABEL_1", "LABEL_2"]
    )


def test_a_class_the_model_does_not_know(split):
    refused(split, "'dog' is no class of the model; it knows cat, bird", ["cat", "bird"])


def test_more_images_than_fit_into_memory(split, monkeypatch):
    monkeypatch.setattr(folder, "MAX_BYTES", 5 * 4 * 4 * 3)
    refused(split, "holds 8 images; at 4 x 4 x 3 values each, at most 5 fit")


def test_a_shared_studio_reads_no_folder(split, monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    refused(split, "shared")


def test_a_processor_that_makes_pictures_of_different_sizes(split):
    put(split / "train" / "dog", "green", "wide.png", (9, 5))
    with pytest.raises(BadInput, match=r"different sizes \(wide.png: 9 x 5\)"):
        folder.load(split, lambda image: np.asarray(image.convert("RGB")))


def test_an_image_with_too_many_pixels_is_never_unpacked(tmp_path, monkeypatch):
    Image.new("1", (9000, 6000)).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("the pixels were unpacked"))
    with pytest.raises(BadInput, match=r"huge\.png has 9000 x 6000 pixels; at most 50 million"):
        _images.open_image(tmp_path / "huge.png")


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    put(tmp_path, "red", "bomb.png")
    with pytest.raises(BadInput, match=r"bomb\.png has far too many pixels"):
        _images.open_image(tmp_path / "bomb.png")


def test_formats_that_run_other_programs_are_not_opened(tmp_path):
    Image.new("RGB", (5, 5)).save(tmp_path / "a.eps")
    with pytest.raises(BadInput, match=r"a\.eps is no image that can be read; give PNG"):
        _images.open_image(tmp_path / "a.eps")


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (8, 4)).save(tmp_path / "photo.jpg", exif=exif)
    assert _images.open_image(tmp_path / "photo.jpg").size == (4, 8)
