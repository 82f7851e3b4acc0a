"""The pump in virtual time. ``pump.Pump`` joins all of it; ``simulation`` has SimPy drive pumps.

================  ==================================================================================
``physics/``      the truth: propellant, bellows, restrictor, catheter, temperature, surroundings
``electronics/``  what stands between truth and firmware: sensors and samples, noise, battery, clock
``firmware/``     what runs in the pump: estimates, alarms, modes, refills, answers to telecommands
``memory/``       the non-volatile memory below it: banks, rings, what a power failure can tear
``outlook/``      looking ahead: which samples can be passed over because nothing can happen in them
``faults/``       what can be broken
``scenario/``     what happens to one pump, as a TOML file
``fleet/``        what happens to many, as distributions
================  ==================================================================================
"""
