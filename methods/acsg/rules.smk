# Training (AmbientGAN) sees measurements alone; the search (CSGM) also sees the side information of the image that it restores.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule train from bench with:
    input:
        **config["protocol"],
        y="<measured>/train.y.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        model="<model>/model.pt",
