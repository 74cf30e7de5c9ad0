rule score:
    input:
        clean="<results>/clean/{dataset}/test.npy",
        y="<measured>/test.y.npy",
        theta="<measured>/test.theta.npy",
        estimates="<results>/restored/{dataset}/{measurement}/{run}/{part}.npy",
    output:
        "<results>/scores/{dataset}/{measurement}/{run}/{part}.csv",
    log:
        "<logs>/score/{dataset}.{measurement}/{run}/{part}.log",
    conda:
        "../environment.yml"
    params:
        version=1,
    shell:
        "python -m metrics.score --clean {input.clean} --y {input.y} --theta {input.theta} --estimates {input.estimates} "
        "--output {output} > {log} 2>&1"
