# A control, shown as an upper bound: sees clean training images.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule train from bench with:
    input:
        **config["protocol"],
        y="<measured>/train.y.npy",
        clean="<results>/clean/{dataset}/train.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        model="<model>/model.pt",


use rule sample from bench with:
    input:
        y="<measured>/test.y.npy",
        model="<model>/model.pt",
