# AmbientGAN sees measurements; the search sees the θ of the image that it restores.
module bench:
    snakefile:
        config["bench"]
    config:
        {**config, "seeded": True}


use rule train from bench with:
    input:
        **config["paper"],
        y="<measured>/train.y.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        model="<model>/model.pt",
