"""Networks pretrained on ImageNet, to train on."""
