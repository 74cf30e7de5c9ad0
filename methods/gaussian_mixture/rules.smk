# Sees the measurements of all training images, and every measurement with its side information.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        train_y="<measured>/train.y.npy",
        train_side_info="<measured>/train.side_info.npy",
