import torch

from backends.core.eight_bits import pack, unpack


def test_a_matrix_comes_back_within_half_a_step_of_its_row():
    weight = torch.randn(6, 40, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 1, 6)[:, None]
    packed = pack({"w": weight, "e": weight.view(2, 3, 40)})
    assert packed["w"].dtype == torch.int8 and packed["w:scale"].dtype == torch.float16
    back = unpack(packed)
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((back["w"] - weight).abs() <= 0.51 * step + 1e-6).all() and set(back) == {"w", "e"}
    torch.testing.assert_close(back["e"].view(6, 40), back["w"])


def test_rows_of_zeros_vectors_and_whole_numbers_stay():
    tensors = {"zero": torch.zeros(2, 3), "bias": torch.tensor([0.5, -2.0]), "count": torch.tensor([[7]])}
    back = unpack(pack(tensors))
    assert all(torch.equal(back[name].to(tensor.dtype), tensor) for name, tensor in tensors.items())


def test_other_files_are_left_as_they_are():
    tensors = {"w": torch.ones(2, 2, dtype=torch.int8), "b": torch.ones(2)}
    assert all(unpack(tensors)[name] is tensor for name, tensor in tensors.items())
