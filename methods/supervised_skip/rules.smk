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
        side_info="<measured>/train.side_info.npy",
        clean="<results>/clean/{dataset}/train.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        model="<model>/model.pt",


use rule sample from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        model="<model>/model.pt",
