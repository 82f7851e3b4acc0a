"""The rig. A procedure sees ``bench.Bench`` and ``procedure.Procedure``; ``pytest_plugin`` brings both to pytest.

==================  ==============================================================================
``links/``          bytes to and from ports, and who holds them
``instruments/``    drivers of what stands on a bench, by role
``pump/``           what can be asked of a pump, and what came back
``virtual_bench/``  pump and instruments, simulated in one world, also for other programs
``benches/``        bench files, checks, safe state, and what is known of a bench between runs
``conditions/``     bringing a bench to where a measurement begins, and back
``flow/``           infusate weighed: flow, its uncertainty budget, curves, comparisons
``procedures/``     the tests that come with pumprig
``runs/``           one execution: its plan, its folder, what it keeps and what a person sees
``recording/``      recordings, written and read; ``recorder/``, ``player/``, ``export/`` work on them
``verification/``   whether a recording can be trusted; ``comparison/`` holds two against each other
``report/``         a run as one HTML page; ``history/`` has all runs, and trends
``simulation/``     ``pumprig sim`` and its report
``fleet/``          populations of simulated pumps, over processes or a cluster
==================  ==============================================================================
"""
