# Sees measurements and the side information of each: its mask, where values are lost.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule train from bench with:
    input:
        **config["protocol"],
        y="<measured>/train.y.npy",
        side_info="<measured>/train.side_info.npy",


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
