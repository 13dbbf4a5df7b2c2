namespace OrleansRocketMQ.Docs.House;

/// <summary>
/// The folders of a project from the ground up. Each names only folders of the floors below its own: those of one floor do
/// not name each other, and what is folded inside another folder is a floor of its own. A dot is the project's own folder.
/// </summary>
internal sealed class FloorPlan(params string[][] floors)
{
    /// <summary>Folders that have no place in the plan.</summary>
    public IEnumerable<string> Unplaced(IReadOnlyList<SourceFile> files)
        => files.Select(file => file.Folder).Distinct().Where(folder => FloorOf(folder) < 0);

    /// <summary>Folders of the plan that are not there.</summary>
    public IEnumerable<string> Missing(IReadOnlyList<SourceFile> files)
        => floors.SelectMany(floor => floor).Except(files.Select(file => file.Folder));

    /// <summary>What names a folder beside or above its own, as "folder -> folder: file names type".</summary>
    public IEnumerable<string> Upward(IReadOnlyList<SourceFile> files) => new FolderMap(files).Arrows
        .Where(found => FloorOf(found.Key.To) >= FloorOf(found.Key.From))
        .Select(found => $"{found.Key}: {string.Join(", ", found.Value)}");

    private int FloorOf(string folder) => Array.FindIndex(floors, floor => floor.Contains(folder));
}
