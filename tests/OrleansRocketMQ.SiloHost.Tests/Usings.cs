// Each test runs whole silos as processes: one at a time, or two cores would be busy with starting them.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
