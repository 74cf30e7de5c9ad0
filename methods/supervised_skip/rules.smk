# An upper bound, a control: sees clean training images and the θ of each measurement.
module bench:
    snakefile:
        config["bench"]
    config:
        {**config, "seeded": True}


use rule train from bench with:
    input:
        **config["paper"],
        y="<measured>/train.y.npy",
        theta="<measured>/train.theta.npy",
        clean="<results>/clean/{dataset}/train.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        theta="<measured>/test.theta.npy",
        model="<model>/model.pt",


use rule sample from bench with:
    input:
        y="<measured>/test.y.npy",
        theta="<measured>/test.theta.npy",
        model="<model>/model.pt",
